namespace Appliance.Tests.Machines;

/// <summary>A machine did not do what a test waited for. The message holds the end of its console.</summary>
internal sealed class MachineException(string message, Exception? inner = null) : Exception(message, inner);
