using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Updates;

/// <summary>What becomes of what a volume holds.</summary>
/// <param name="Name">As the release calls it.</param>
/// <param name="Volume">As the engine does.</param>
internal sealed record VolumeChange(string Name, string Volume, DataChange Change)
{
    /// <summary>What a release does to data that another version has left. Pure.</summary>
    /// <param name="from">Null: nobody knows which.</param>
    public static IReadOnlyList<VolumeChange> Between(SemanticVersion? from, Release to) =>
        [
            .. to.Model.Volumes.Values.Select(v => new VolumeChange(
                v.Name,
                ContainerRecipe.VolumeName(to.Product, v.Name),
                v.Data.Since(from)
            )),
        ];
}

/// <summary>What an operation does to data, before anybody agrees to it.</summary>
/// <param name="Volumes">Those that there are, and are changed or brought back.</param>
/// <param name="Snapshots">What is kept, or brought back, of those that older releases cannot use afterwards.</param>
/// <param name="BytesToCopy">What keeping it takes on the disk; 0: nothing to speak of.</param>
internal sealed record DataPlan(
    IReadOnlyList<VolumeChange> Volumes,
    IReadOnlyList<VolumeSnapshot> Snapshots,
    long BytesToCopy
)
{
    public static DataPlan Untouched { get; } = new([], [], 0);

    /// <summary>Why it cannot be done so; null: it can.</summary>
    public string? Problem { get; init; }

    /// <summary>
    /// What was written after this moment is lost, as it is to be agreed to; null: nothing is lost.
    /// </summary>
    public string? LosesSince { get; init; }

    /// <summary>A moment, as people type it.</summary>
    public static string InWords(DateTimeOffset moment) => moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");

    public static string NamesOf(IEnumerable<VolumeSnapshot> snapshots) =>
        string.Join(", ", snapshots.Select(s => s.Volume));
}
