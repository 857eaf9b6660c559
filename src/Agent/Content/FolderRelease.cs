using System.Security.Cryptography;
using System.Text;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Content;

/// <summary>
/// A release that nobody signed, as a folder for development: <c>compose.yaml</c>, an optional <c>.env</c>, and
/// docker-archives in <c>images/</c>, which are taken into the store.
/// </summary>
internal sealed class FolderRelease(ContentStore store)
{
    /// <summary>Reads and checks it all; reports everything that is wrong at once.</summary>
    public async Task<ReleaseReading> ReadAsync(string folder, CancellationToken ct)
    {
        var reasons = new List<string>();
        var images = new Dictionary<string, ReleaseImage>();
        try
        {
            foreach (var archive in ArchivesIn(folder))
            {
                foreach (var image in await new ArchiveImport(store, archive).RunAsync(ct))
                {
                    if (!images.TryAdd(image.Reference, image) && images[image.Reference].Config != image.Config)
                        reasons.Add($"{archive} holds another image called {image.Reference} than one before it");
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
        if (result.Model is not { } model)
            return new ReleaseReading.Refused(reasons);
        var bound = new Dictionary<string, ReleaseImage>();
        foreach (var service in model.EnabledServices([]))
        {
            var reference = service.Image.ToString();
            if (ImageTag.Of(reference) is { } tag && images.TryGetValue(tag.ToString(), out var image))
                bound[reference] = image with { Reference = reference };
            else
                reasons.Add($"services.{service.Name}.image: no archive in {folder}/images holds {reference}");
        }
        return reasons.Count > 0
            ? new ReleaseReading.Refused(reasons)
            : new ReleaseReading.Ready(
                new Release(await DigestOfAsync(file, bound, ct), model.Version?.Text ?? "", model, folder, bound)
            );
    }

    private static async Task<string> DigestOfAsync(
        string compose,
        Dictionary<string, ReleaseImage> images,
        CancellationToken ct
    )
    {
        var text = string.Join('\n', images.Values.Select(i => i.Config.Digest).Order(StringComparer.Ordinal));
        byte[] all = [.. await File.ReadAllBytesAsync(compose, ct), .. Encoding.ASCII.GetBytes(text)];
        return $"sha256:{Convert.ToHexStringLower(SHA256.HashData(all))}";
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
}
