using Appliance.Bundles.Compose;

namespace Appliance.Agent.Sources;

/// <summary>A release as a folder: <c>compose.yaml</c>, an optional <c>.env</c> for it, and docker-archives in <c>images/</c>.</summary>
internal static class ReleaseFolder
{
    /// <summary>Reads and checks it all; reports everything that is wrong at once, and changes nothing.</summary>
    public static async Task<ReleaseReading> ReadAsync(string folder, CancellationToken ct)
    {
        var reasons = new List<string>();
        var images = new Dictionary<string, ArchivedImage>();
        try
        {
            foreach (var archive in ArchivesIn(folder))
            {
                foreach (var image in await DockerArchive.ReadAsync(archive, ct))
                {
                    if (!images.TryAdd(image.Reference, image) && images[image.Reference].Id != image.Id)
                        reasons.Add(
                            $"{archive} and {images[image.Reference].Archive} hold different images called {image.Reference}"
                        );
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            reasons.Add(e.Message);
        }

        var file = Path.Combine(folder, "compose.yaml");
        var result = await ComposeLoader.LoadAsync(file, new ComposeOptions(), ct);
        reasons.AddRange(result.Errors.Select(e => e.ToString()));
        return result.Model is { } model && reasons.Count == 0
            ? new ReleaseReading.Ready(new Release(model, folder, ByModelReference(model, images)))
            : new ReleaseReading.Refused(reasons);
    }

    private static IEnumerable<string> ArchivesIn(string folder)
    {
        var images = Path.Combine(folder, "images");
        return Directory.Exists(images)
            ? Directory
                .EnumerateFiles(images)
                .Where(f =>
                    f.EndsWith(".tar", StringComparison.Ordinal) || f.EndsWith(".tar.gz", StringComparison.Ordinal)
                )
                .Order(StringComparer.Ordinal)
            : [];
    }

    // A model may write docker.io/library/x:1 where the engine saved x:1; the archive keeps the familiar form.
    private static Dictionary<string, ArchivedImage> ByModelReference(
        ComposeModel model,
        Dictionary<string, ArchivedImage> images
    ) =>
        model
            .Services.Values.Select(s => s.Image.ToString())
            .Distinct()
            .Select(r => (Reference: r, Image: images.GetValueOrDefault(r) ?? images.GetValueOrDefault(Familiar(r))))
            .Where(p => p.Image is not null)
            .ToDictionary(p => p.Reference, p => p.Image!);

    private static string Familiar(string reference)
    {
        foreach (var prefix in (string[])["docker.io/library/", "docker.io/"])
        {
            if (reference.StartsWith(prefix, StringComparison.Ordinal))
                return reference[prefix.Length..];
        }

        return reference;
    }
}
