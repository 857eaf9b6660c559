namespace Appliance.Tests.WriteLogs;

/// <summary>A file is not a write log, or one that no QEMU wrote like that.</summary>
internal sealed class DamagedLogException(string message) : Exception(message);
