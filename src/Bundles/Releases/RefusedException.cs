namespace Appliance.Bundles.Releases;

/// <summary>
/// What was received is not what it must be. The message is for people, and names the file, field or digest, and what to
/// do where something can be done.
/// </summary>
public sealed class RefusedException : Exception
{
    public RefusedException(string message)
        : base(message) { }

    public RefusedException(string message, Exception inner)
        : base(message, inner) { }
}
