using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Docker;

namespace Appliance.Cli.Commands;

/// <summary>Takes images from the Docker Engine of this machine.</summary>
internal static class EngineImages
{
    private const string DefaultEndpoint = "unix:///var/run/docker.sock";

    /// <summary>Adds images to the library, as one archive.</summary>
    /// <exception cref="FileException">The engine does not have them, or does not answer.</exception>
    public static async Task AddAsync(
        IReadOnlyList<ImageReference> references,
        ImageLibrary images,
        Session session,
        CancellationToken cancellationToken
    )
    {
        if (references.FirstOrDefault(r => r.Digest is not null) is { } pinned)
            throw new FileException(
                $"the image {pinned} is named by digest, and an engine does not keep what it is the digest of: give an OCI layout that holds it with --images (skopeo copy docker://{pinned} oci:FOLDER)"
            );

        var endpoint = Environment.GetEnvironmentVariable("DOCKER_HOST") is { Length: > 0 } host
            ? host
            : DefaultEndpoint;
        var names = references.Select(r => $"{r}").ToList();
        try
        {
            using var engine = DockerEngine.Connect(endpoint, session.Clock);
            await DemandAsync(engine, names, endpoint, cancellationToken);
            await using var archive = await engine.Images.SaveAsync(names, cancellationToken);
            await images.AddArchiveAsync(archive, $"the engine at {endpoint}", cancellationToken);
        }
        catch (ArgumentException e)
        {
            throw new FileException($"DOCKER_HOST: {e.Message}", e);
        }
        catch (EngineUnavailableException e)
        {
            throw new FileException(
                $"{string.Join(", ", names)}: not in what --images names, and the engine at {endpoint} does not answer ({e.Message}): give archives or OCI layouts with --images, or start the engine",
                e
            );
        }
        catch (DockerEngineException e)
        {
            throw new FileException(
                $"the engine at {endpoint} does not save {string.Join(", ", names)}: {e.Message}",
                e
            );
        }
    }

    // Asked to save several, an engine says only that one of them is missing.
    private static async Task DemandAsync(
        DockerEngine engine,
        IReadOnlyList<string> names,
        string endpoint,
        CancellationToken cancellationToken
    )
    {
        var missing = new List<string>();
        foreach (var name in names)
        {
            try
            {
                await engine.Images.InspectAsync(name, cancellationToken);
            }
            catch (EngineNotFoundException)
            {
                missing.Add(name);
            }
        }
        if (missing.Count > 0)
            throw new FileException(
                $"{string.Join(", ", missing)}: neither in what --images names nor in the engine at {endpoint}; build or pull what is missing"
            );
    }
}
