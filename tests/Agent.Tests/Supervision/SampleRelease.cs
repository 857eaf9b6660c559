using System.Text;
using Appliance.Agent.Content;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>Releases for questions that ask no engine: an image is as good as its id.</summary>
internal static class SampleRelease
{
    /// <param name="services">The part of a Compose file after its name.</param>
    /// <param name="images">A letter for the id of each image whose id is not that of its reference.</param>
    public static Release Of(string services, params (string Reference, char Id)[] images)
    {
        var result = ComposeLoader.Parse(
            Encoding.UTF8.GetBytes($"name: app\n{services}"),
            "compose.yaml",
            "/nowhere",
            ComposeOptions.Default
        );
        Assert.Empty(result.Errors);
        var known = images.ToDictionary(i => i.Reference, i => i.Id);
        return new Release(
            ScratchDigest(services),
            "1.0.0",
            result.Model!,
            "/nowhere",
            result
                .Model!.Services.Values.Select(s => s.Image.ToString())
                .Distinct()
                .ToDictionary(r => r, r => ImageOf(r, known.TryGetValue(r, out var id) ? IdOf(id) : ScratchDigest(r)))
        );
    }

    /// <summary>What there is before the first release.</summary>
    public static Release Nothing(string product) =>
        new(
            "",
            "",
            new ComposeModel
            {
                Name = product,
                Services = new Dictionary<string, ComposeService>(),
                Networks = new Dictionary<string, ComposeNetwork>(),
                Volumes = new Dictionary<string, ComposeVolume>(),
                Secrets = new Dictionary<string, ComposeFile>(),
                Configs = new Dictionary<string, ComposeFile>(),
            },
            "",
            new Dictionary<string, ReleaseImage>()
        );

    public static string IdOf(char letter) => $"sha256:{new string(letter, 64)}";

    public static DesiredState Desired(this Release release) => DesiredStateBuilder.Build(release, MountedFiles.NameOf);

    public static DesiredState Desired(this RunningRelease what) =>
        DesiredStateBuilder.Build(what, MountedFiles.NameOf);

    private static ReleaseImage ImageOf(string reference, string id) =>
        new(reference, new Blob(id, 1), new Blob(id, 1), []);

    private static string ScratchDigest(string text) => "sha256:" + DesiredStateBuilder.HashOf(text);
}
