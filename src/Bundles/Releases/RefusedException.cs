using Appliance.Tuf;

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

    /// <summary>What is wrong with the signer's metadata; null if that is not why.</summary>
    public TufFault? Fault => (InnerException as TufException)?.Fault;
}
