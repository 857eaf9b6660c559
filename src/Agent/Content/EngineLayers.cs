using System.Security.Cryptography;
using System.Text;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Content;

/// <summary>
/// Which images and layers an engine holds. It keeps a layer on top of others, not by itself: it holds one when some
/// image has the same layers up to it.
/// </summary>
internal sealed class EngineLayers
{
    // An engine answers inspections one lock at a time; more at once only queue.
    private const int ParallelInspections = 8;

    private readonly HashSet<string> images = [];
    private readonly HashSet<string> chains = [];

    private EngineLayers() { }

    public static async Task<EngineLayers> LookAsync(DockerEngine engine, CancellationToken ct)
    {
        var found = new EngineLayers();
        var all = await engine.Images.ListAsync(new ImageQuery { All = true }, ct);
        await Parallel.ForEachAsync(
            all.Select(i => i.Id).Distinct(),
            new ParallelOptions { MaxDegreeOfParallelism = ParallelInspections, CancellationToken = ct },
            async (id, token) =>
            {
                try
                {
                    var image = await engine.Images.InspectAsync(id, token);
                    lock (found)
                        found.Add(image.Id, image.RootFs.Layers);
                }
                // Removed since it was listed.
                catch (EngineNotFoundException) { }
            }
        );
        return found;
    }

    public bool HasImage(ReleaseImage image) => images.Contains(image.Config.Digest);

    /// <summary>Layers that loading the images brings to the engine, as often as it will keep them.</summary>
    public IReadOnlyList<ReleaseLayer> MissingOf(IEnumerable<ReleaseImage> wanted)
    {
        var missing = new List<ReleaseLayer>();
        var seen = new HashSet<string>(chains);
        foreach (var image in wanted)
        {
            var links = ChainsOf(image.Layers.Select(l => l.DiffId));
            missing.AddRange(image.Layers.Zip(links).Where(p => seen.Add(p.Second)).Select(p => p.First));
        }
        return missing;
    }

    /// <summary>Takes note of an image that was loaded.</summary>
    public void Add(ReleaseImage image) => Add(image.Config.Digest, image.Layers.Select(l => l.DiffId));

    private void Add(string id, IEnumerable<string> diffIds)
    {
        images.Add(id);
        chains.UnionWith(ChainsOf(diffIds));
    }

    // The image specification's chain id: a layer and all below it, as one digest.
    private static IEnumerable<string> ChainsOf(IEnumerable<string> diffIds)
    {
        var chain = "";
        foreach (var diffId in diffIds)
        {
            chain =
                chain.Length == 0
                    ? diffId
                    : $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes($"{chain} {diffId}")))}";
            yield return chain;
        }
    }
}
