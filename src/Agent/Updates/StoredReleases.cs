namespace Appliance.Agent.Updates;

/// <summary>A release that is kept, and what for.</summary>
/// <param name="Why"><c>present</c>, <c>rollback</c>, <c>under way</c> or <c>staged</c>.</param>
/// <param name="Bytes">Of all its blobs; those that releases share count for each of them.</param>
internal sealed record KeptRelease(string Why, string Version, long Bytes);

/// <summary>What is stored of releases, as it was when space was given back the last time.</summary>
/// <param name="Bytes">Each blob once.</param>
internal sealed record Stored(IReadOnlyList<KeptRelease> Kept, long Bytes);

/// <summary>For whoever asks what takes the space.</summary>
internal sealed class StoredReleases
{
    private Stored current = new([], 0);

    public Stored Current
    {
        get => Volatile.Read(ref current);
        set => Volatile.Write(ref current, value);
    }
}
