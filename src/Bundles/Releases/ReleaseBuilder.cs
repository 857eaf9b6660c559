using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary>Makes a release of an application and its images: the same inputs give the same bytes.</summary>
public static class ReleaseBuilder
{
    /// <summary>Adds to the spool what the release has beside its images, and returns its index.</summary>
    /// <param name="files">The Compose file, called <c>compose.yaml</c>, and what it names.</param>
    /// <param name="references">The images, as the Compose file writes them.</param>
    /// <param name="agent">The agent that the release brings; null: none.</param>
    /// <exception cref="RefusedException">Something is missing, or does not agree, or cannot be in a release.</exception>
    public static async Task<Blob> BuildAsync(
        ReleaseDocument document,
        IReadOnlyList<ComposeInput> files,
        IEnumerable<ImageReference> references,
        ImageLibrary images,
        BlobSpool spool,
        CancellationToken cancellationToken,
        AgentImage? agent = null
    )
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(spool);
        ArgumentNullException.ThrowIfNull(images);
        CheckNames(files);

        var found = new List<(string Reference, FoundImage Image)>();
        foreach (var reference in references.DistinctBy(r => $"{r}").OrderBy(r => $"{r}", StringComparer.Ordinal))
            found.Add(($"{reference}", await images.GetAsync(reference, cancellationToken)));
        if (agent is not null)
        {
            if (found.Exists(i => i.Reference == agent.Agent.Reference))
                throw new RefusedException($"{agent.Agent.Reference} is the agent's name; rename the service's image");
            document = document with { Agent = agent.Agent };
            found.Add((agent.Agent.Reference, agent.Image));
        }

        var layers = found.SelectMany(i => i.Image.Layers).DistinctBy(l => l.Digest);
        var json = new ReleaseJson(document, [.. layers]).Render();
        var artifact = new ArtifactManifest(
            await spool.AddAsync(json, cancellationToken),
            await AddAsync(files, spool, cancellationToken)
        );
        await spool.AddAsync(ArtifactManifest.EmptyConfig, cancellationToken);
        var index = new ReleaseIndex(
            await spool.AddAsync(artifact.Render(), cancellationToken),
            [.. found.Select(i => new IndexedImage(i.Reference, i.Image.MediaType, i.Image.Manifest))]
        );
        return await spool.AddAsync(index.Render(), cancellationToken);
    }

    private static void CheckNames(IReadOnlyList<ComposeInput> files)
    {
        if (files.FirstOrDefault(f => !ReleasePath.IsValid(f.Path)) is { } unnamable)
            throw new RefusedException($"\"{unnamable.Path}\" cannot be the name of a file of a release; rename it");
        if (files.FirstOrDefault(f => f.Path == ReleasePath.Document) is { } own)
            throw new RefusedException($"{own.Path} is the name of the release's own document; rename the file");
        if (files.Count > Limits.Files)
            throw new RefusedException($"the release has {files.Count} files; at most {Limits.Files} are allowed");
    }

    private static async Task<IReadOnlyList<ReleaseFile>> AddAsync(
        IReadOnlyList<ComposeInput> files,
        BlobSpool spool,
        CancellationToken cancellationToken
    )
    {
        var added = new List<ReleaseFile>();
        foreach (
            var file in files.OrderBy(f => f.Path != ReleasePath.Compose).ThenBy(f => f.Path, StringComparer.Ordinal)
        )
            added.Add(new(file.Path, await spool.AddAsync(file.Bytes, cancellationToken)));
        return added;
    }
}
