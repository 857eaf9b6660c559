using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Signing;

/// <summary>What a signer's repository is made with.</summary>
/// <param name="Product">The product whose releases it signs: the Compose file's <c>name</c>.</param>
public sealed record SignerSettings(string Product)
{
    /// <summary>More than any company keeps apart.</summary>
    public const int MostRootKeys = 16;

    /// <summary>How many root keys there are; 1 to 16.</summary>
    public int RootKeys { get; init; } = 1;

    /// <summary>How many of them must sign a new root; at most as many as there are.</summary>
    public int RootThreshold { get; init; } = 1;

    public SignerExpiries Expiries { get; init; } = new();

    /// <exception cref="RefusedException">It cannot be so.</exception>
    internal void Check()
    {
        if (!ReleaseDescriptor.IsProduct(Product))
            throw new RefusedException(
                $"'{Product}' is not a product's name: lower-case letters, digits, '-' and '_', a letter or digit first, at most 63 characters"
            );
        CheckKeys(RootKeys, RootThreshold);
        Expiries.Check();
    }

    internal static void CheckKeys(int rootKeys, int rootThreshold)
    {
        if (rootKeys is < 1 or > MostRootKeys)
            throw new RefusedException($"there can be 1 to {MostRootKeys} root keys, not {rootKeys}");
        if (rootThreshold < 1 || rootThreshold > rootKeys)
            throw new RefusedException($"the root's threshold must be 1 to {rootKeys}, not {rootThreshold}");
    }
}

/// <summary>For how many days what is signed can be relied on. The defaults let a stick in a drawer work for a year.</summary>
public sealed record SignerExpiries
{
    public int RootDays { get; init; } = 3650;

    public int TargetsDays { get; init; } = 400;

    public int SnapshotDays { get; init; } = 400;

    public int TimestampDays { get; init; } = 400;

    internal void Check()
    {
        foreach (var days in (int[])[RootDays, TargetsDays, SnapshotDays, TimestampDays])
        {
            if (days is < 1 or > 36_500)
                throw new RefusedException($"an expiry is 1 to 36500 days, not {days}");
        }
    }
}

/// <summary>Which keys the next root brings in.</summary>
public sealed record RootRotation
{
    /// <summary>How many new root keys take the place of all present ones; null: those stay.</summary>
    public int? NewRootKeys { get; init; }

    /// <summary>How many of the new root keys must sign; counts only with <see cref="NewRootKeys"/>.</summary>
    public int RootThreshold { get; init; } = 1;

    /// <summary>New keys for targets, snapshot and timestamp.</summary>
    public bool NewReleaseKeys { get; init; }
}

/// <summary>A release as its signer gives it out.</summary>
/// <param name="DescriptorBytes">The target; the one that was signed first, where a command was repeated.</param>
public sealed record SignedRelease(MetadataSet Metadata, ReadOnlyMemory<byte> DescriptorBytes);
