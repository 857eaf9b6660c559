using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>
/// Gives back the space of releases that nothing refers to: content, files, and the images that were given to the
/// engine. What runs, what a rollback brings back and what is being worked on stay.
/// </summary>
internal sealed class Pruning(
    UpdateJournal journal,
    ContentStore store,
    ReleaseLibrary library,
    KnownReleases releases,
    MountedFiles files,
    ImageLoader images,
    StoredReleases stored,
    AgentTakeover agents,
    OldSnapshots snapshots,
    TimeProvider clock,
    ILogger<Pruning> log
)
{
    // A container of a release that was just taken back may be on its way out, and holds its image until then.
    private static readonly TimeSpan[] Tries =
    [
        TimeSpan.Zero,
        TimeSpan.FromSeconds(1),
        TimeSpan.FromSeconds(3),
        TimeSpan.FromSeconds(8),
    ];

    /// <summary>Called when space was given back, as far as it could be: for nothing but to say so.</summary>
    public Action? Ended { get; set; }

    /// <summary>Best effort: what cannot be given back now is tried again with the next call.</summary>
    /// <param name="staged">A release that waits to be installed; null: none does.</param>
    public async Task RunAsync(ReleaseContent? staged, CancellationToken ct)
    {
        if (await ContentAsync(staged, ct) is { } kept)
            await ImagesAsync(kept, ct);
        Ended?.Invoke();
    }

    private async Task ImagesAsync(IReadOnlyList<ReleaseContent> kept, CancellationToken ct)
    {
        try
        {
            var opened = new List<Release>();
            foreach (var content in kept)
                opened.Add(await releases.OpenAsync(content, ct));
            files.Collect(opened);
            await snapshots.RemoveAsync(ct);
            await RemoveImagesAsync(kept.SelectMany(k => k.Images).Select(i => i.Config.Digest).ToHashSet(), ct);
        }
        catch (Exception e)
            when (e
                    is IOException
                        or UnauthorizedAccessException
                        or RefusedException
                        or StorageException
                        or DockerEngineException
                        or EngineUnavailableException
            )
        {
            log.PruningPutOff(e.Message);
        }
    }

    /// <summary>Only what the agent itself has stored; asks the engine nothing.</summary>
    /// <param name="staged">A release that waits to be installed; null: none does.</param>
    /// <returns>What was kept; null when it could not be told, and nothing was given back.</returns>
    public async Task<IReadOnlyList<ReleaseContent>?> ContentAsync(ReleaseContent? staged, CancellationToken ct)
    {
        if (!journal.KnowsAll)
            return null;
        try
        {
            var roots = await RootsAsync(ct);
            if (staged is not null)
                roots.Add(("staged", staged));
            var kept = roots.ConvertAll(r => r.Content);
            await store.CollectAsync(kept.SelectMany(BlobsOf).Select(b => b.Digest).ToHashSet(), ct);
            agents.Collect(kept);
            library.Collect(kept.Select(k => k.Descriptor.Index.Digest).ToHashSet());
            stored.Current = new Stored(
                roots.ConvertAll(r => new KeptRelease(
                    r.Why,
                    r.Content.Descriptor.Version.Text,
                    BlobsOf(r.Content).Where(store.Contains).Sum(b => b.Size)
                )),
                kept.SelectMany(BlobsOf).DistinctBy(b => b.Digest).Where(store.Contains).Sum(b => b.Size)
            );
            return kept;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or RefusedException)
        {
            log.PruningPutOff(e.Message);
            return null;
        }
    }

    /// <summary>All that it consists of, layers in the form in which they are stored too.</summary>
    private IEnumerable<Blob> BlobsOf(ReleaseContent release) =>
        release.Blobs.Concat(release.Images.SelectMany(i => i.Layers).Select(store.StoredAs)).DistinctBy(b => b.Digest);

    private async Task<List<(string Why, ReleaseContent Content)>> RootsAsync(CancellationToken ct)
    {
        // What has committed is installed, and holds nothing else.
        var running = journal.Running is { Phase: not (Phase.Committed or Phase.Pruned) } one ? one : null;
        (string Why, string? Digest)[] digests =
        [
            ("present", journal.Current?.Digest),
            ("rollback", journal.Previous?.Digest),
            ("under way", running?.FromDigest),
            ("under way", running?.ToDigest),
        ];
        var roots = new List<(string, ReleaseContent)>();
        foreach (var (why, digest) in digests.Where(d => d.Digest is not null).DistinctBy(d => d.Digest))
        {
            if (journal.Release(digest!) is { } known)
                roots.Add((why, await releases.ReadAsync(known, ct)));
        }
        return roots;
    }

    private async Task RemoveImagesAsync(HashSet<string> kept, CancellationToken ct)
    {
        var left = journal.LoadedImages.Where(id => !kept.Contains(id)).ToList();
        foreach (var pause in Tries)
        {
            if (left.Count == 0)
                return;
            await Task.Delay(pause, clock, ct);
            foreach (var id in left.ToList())
            {
                if (!await images.RemoveAsync(id, ct))
                    continue;
                journal.Unloaded(id);
                left.Remove(id);
            }
        }
        log.ImagesStay(left.Count);
    }
}
