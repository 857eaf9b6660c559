using System.Security.Cryptography;
using Appliance.Agent.Storage;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Content;

/// <summary>
/// Hands images to the engine: archives that are made up while they are sent, from stored blobs, without the layers that
/// the engine holds already. One image at a time, because an engine unpacks an archive to a temporary place first.
/// </summary>
internal sealed class ImageLoader(ContentStore store, DockerEngine engine, EngineDisk disk, ILogger<ImageLoader> log)
{
    /// <summary>
    /// Loads the images that the engine does not hold; those that it holds are left as they are. All of them are on its
    /// disk when this returns.
    /// </summary>
    /// <param name="bytes">Told how many bytes the engine was sent so far; may be null.</param>
    /// <exception cref="IOException">A blob is not stored, or the engine did not make of an image what it is.</exception>
    /// <exception cref="DockerEngineException">The engine refused, with its reason.</exception>
    public async Task LoadAsync(IReadOnlyList<ReleaseImage> images, IProgress<long>? bytes, CancellationToken ct)
    {
        var held = await EngineLayers.LookAsync(engine, ct);
        var sent = new BytesSent(bytes);
        foreach (var image in images.Where(i => !held.HasImage(i)).DistinctBy(i => (i.Reference, i.Config.Digest)))
        {
            await LoadAsync(image, held, sent, ct);
            held.Add(image);
        }
        // Also what an earlier call loaded, that did not come to here.
        Failpoint.Before(Failpoint.FlushEngine);
        await disk.FlushAsync(ct);
        Failpoint.After(Failpoint.FlushEngine);
    }

    /// <summary>Reads all that an image consists of from the store, and makes sure that it is what it was.</summary>
    /// <exception cref="IOException">Something is missing, or damaged: that is dropped, so that sending its bundle again brings it back.</exception>
    public async Task ProveStoredAsync(ReleaseImage image, CancellationToken ct)
    {
        foreach (var blob in image.Layers.Select(store.StoredAs).Prepend(image.Config).DistinctBy(b => b.Digest))
        {
            await using var stored = store.OpenRead(blob);
            var found = $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(stored, ct))}";
            if (found == blob.Digest)
                continue;
            store.Discard(blob);
            throw new IOException(
                $"what is stored of {image.Reference} is damaged, and was dropped: send the bundle of the release again"
            );
        }
    }

    /// <summary>Takes an image from the engine, with its names.</summary>
    /// <returns>False: something uses it.</returns>
    public async Task<bool> RemoveAsync(string id, CancellationToken ct)
    {
        try
        {
            // By its names first: one that has several is not removed by its id.
            foreach (var tag in (await engine.Images.InspectAsync(id, ct)).RepoTags)
                await engine.Images.RemoveAsync(tag, force: false, ct);
            Failpoint.Before(Failpoint.RemoveImage);
            await engine.Images.RemoveAsync(id, force: false, ct);
            Failpoint.After(Failpoint.RemoveImage);
            return true;
        }
        catch (EngineNotFoundException)
        {
            return true;
        }
        catch (EngineConflictException)
        {
            return false;
        }
    }

    /// <summary>
    /// Takes those from the engine that share layers with an image: for as long as one of them is there, the engine does not
    /// take these layers anew.
    /// </summary>
    /// <param name="candidates">Ids of images that nothing uses, and that can be loaded again.</param>
    public async Task RemoveKinAsync(ReleaseImage image, IEnumerable<string> candidates, CancellationToken ct)
    {
        // What shares any layer shares the lowest.
        var lowest = image.Layers is [var layer, ..] ? layer.DiffId : null;
        foreach (var id in candidates.Where(id => id != image.Config.Digest))
        {
            try
            {
                if ((await engine.Images.InspectAsync(id, ct)).RootFs.Layers is [var first, ..] && first == lowest)
                    await RemoveAsync(id, ct);
            }
            catch (EngineNotFoundException) { }
        }
    }

    /// <summary>What loading would cost the engine.</summary>
    public async Task<ImageLoadPlan> PlanAsync(IReadOnlyList<ReleaseImage> images, CancellationToken ct)
    {
        var held = await EngineLayers.LookAsync(engine, ct);
        var missing = images.Where(i => !held.HasImage(i)).DistinctBy(i => i.Config.Digest).ToList();
        var parts = new List<IReadOnlyList<ReleaseLayer>>();
        foreach (var image in missing)
        {
            parts.Add(held.MissingOf([image]));
            held.Add(image);
        }
        return new ImageLoadPlan(
            missing,
            parts,
            AsStored(parts.SelectMany(p => p)),
            parts.Select(AsStored).DefaultIfEmpty(0).Max()
        );
    }

    private long AsStored(IEnumerable<ReleaseLayer> layers) =>
        layers.Select(store.StoredAs).Distinct().Sum(b => b.Size);

    private async Task LoadAsync(ReleaseImage image, EngineLayers held, BytesSent sent, CancellationToken ct)
    {
        var missing = held.MissingOf([image]);
        try
        {
            await SendAsync(image, missing, sent, ct);
        }
        // An image that would lend a layer may have been removed since the look.
        catch (DockerEngineException e) when (missing.Count < image.Layers.Count)
        {
            log.LayersRefused(image.Reference, e.Message);
            await SendAsync(image, image.Layers, sent, ct);
        }

        await ProveAsync(image, ct);
    }

    private async Task SendAsync(
        ReleaseImage image,
        IReadOnlyList<ReleaseLayer> layers,
        BytesSent sent,
        CancellationToken ct
    )
    {
        await using var archive = new ImageArchive(store, image, layers, sent);
        Failpoint.Before(Failpoint.SendImage);
        await engine.Images.LoadAsync(archive, progress: null, ct);
        Failpoint.After(Failpoint.SendImage);
    }

    private async Task ProveAsync(ReleaseImage image, CancellationToken ct)
    {
        try
        {
            await engine.Images.InspectAsync(image.Config.Digest, ct);
        }
        catch (EngineNotFoundException e)
        {
            throw new IOException(
                $"the engine took {image.Reference}, and does not hold it as {image.Config.Digest}",
                e
            );
        }
    }
}

/// <summary>What loading images would cost the engine.</summary>
/// <param name="Images">Those that the engine does not hold.</param>
/// <param name="Parts">Of each of them the layers that the engine will not hold by then.</param>
/// <param name="BytesToSend">As they are stored.</param>
/// <param name="BytesToSpool">What the engine puts aside of one image at a time, while it unpacks it.</param>
internal sealed record ImageLoadPlan(
    IReadOnlyList<ReleaseImage> Images,
    IReadOnlyList<IReadOnlyList<ReleaseLayer>> Parts,
    long BytesToSend,
    long BytesToSpool
)
{
    /// <summary>Those that it does not hold, as often as it will keep them.</summary>
    public IReadOnlyList<ReleaseLayer> Layers => [.. Parts.SelectMany(p => p)];

    /// <summary>What they take on the engine's file system, by the size of their tars.</summary>
    public long BytesToUnpack => Layers.Sum(l => l.UnpackedSize);
}

/// <summary>Adds up what several archives were read of.</summary>
internal sealed class BytesSent(IProgress<long>? listener)
{
    private long total;

    public void Add(int bytes)
    {
        total += bytes;
        listener?.Report(total);
    }
}
