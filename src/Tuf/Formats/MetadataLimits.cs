namespace Appliance.Tuf;

/// <summary>How much of what a stranger sends is looked at.</summary>
public static class MetadataLimits
{
    /// <summary>A root file, in bytes; the same for the others.</summary>
    public const int RootBytes = 512_000;

    /// <inheritdoc cref="RootBytes"/>
    public const int TimestampBytes = 16_384;

    /// <inheritdoc cref="RootBytes"/>
    public const int SnapshotBytes = 2_000_000;

    /// <inheritdoc cref="RootBytes"/>
    public const int TargetsBytes = 5_000_000;

    /// <summary>Of nested objects and arrays.</summary>
    public const int Depth = 32;

    /// <summary>Of signatures on a file, and of the keys of a role.</summary>
    public const int Signatures = 64;

    /// <summary>Of roots in a chain.</summary>
    public const int Roots = 256;

    /// <summary>Of delegated roles that one search looks at.</summary>
    public const int Delegations = 32;
}
