namespace Appliance.Tuf;

/// <summary>Metadata or a target is refused. The message is for people: the file, what is wrong with it, and what to do.</summary>
public sealed class TufException : Exception
{
    /// <param name="file">The file as its reader knows it, as <c>metadata/3.snapshot.json</c>.</param>
    /// <param name="problem">What is wrong, and what can be done about it.</param>
    public TufException(TufFault fault, string file, string problem)
        : this(fault, file, problem, inner: null) { }

    /// <inheritdoc cref="TufException(TufFault, string, string)"/>
    public TufException(TufFault fault, string file, string problem, Exception? inner)
        : base($"{file}: {problem}", inner) => (Fault, File) = (fault, file);

    public TufFault Fault { get; }

    /// <summary>The file that is refused.</summary>
    public string File { get; }
}

/// <summary>Why something is refused.</summary>
public enum TufFault
{
    /// <summary>It is not what the format allows, or too large.</summary>
    Malformed,

    /// <summary>Too few keys that may sign for it have done so.</summary>
    Signature,

    /// <summary>Its time is over: newer metadata is needed.</summary>
    Expired,

    /// <summary>It is older than what is trusted already.</summary>
    Rollback,

    /// <summary>Same version as what is trusted, other content: two signers use the same keys.</summary>
    Forked,

    /// <summary>Its length, hash or version is not what the metadata above it says.</summary>
    Mismatch,

    /// <summary>No trusted metadata names it.</summary>
    NotFound,

    /// <summary>A private key cannot be opened with the passphrase that was given.</summary>
    Locked,

    /// <summary>It could not be fetched.</summary>
    Unavailable,
}
