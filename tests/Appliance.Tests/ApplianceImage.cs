using Appliance.Tests.Disks;

namespace Appliance.Tests;

/// <summary>
/// The appliance's image with the demo in it, built once for all tests: <c>IClassFixture&lt;ApplianceImage&gt;</c>. With
/// <c>APPLIANCE_IMAGE</c> in the environment, that disk is taken as it is.
/// </summary>
public sealed class ApplianceImage : IAsyncLifetime
{
    private const string Bundles = "artifacts/demo";
    private const string Image = "artifacts/appliance/demo.raw";

    private static readonly Lazy<Task<string>> Built = new(BuildAsync);

    private DiskImage? disk;

    internal DiskImage Disk => disk ?? throw new InvalidOperationException("the image is not there yet");

    internal Overlay Overlay() => Disk.Overlay();

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        var path = await Built.Value;
        disk = path.EndsWith(".raw", StringComparison.Ordinal) ? DiskImage.Raw(path) : DiskImage.Qcow2(path);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A bundle of the demo.</summary>
    internal static string Bundle(string version) => Path.Combine(Repository.Root, Bundles, $"demo-{version}.bundle");

    private static async Task<string> BuildAsync()
    {
        if (Environment.GetEnvironmentVariable("APPLIANCE_IMAGE") is { Length: > 0 } given)
            return Path.GetFullPath(given);
        // Two builds in one tree would write the same files, whichever processes they are started from.
        var script = """
            set -euo pipefail
            cd "$1"
            mkdir -p artifacts
            exec 7>artifacts/appliance-tests.lock
            flock 7
            [[ -x artifacts/bin/appliancectl ]] || ./build.sh 7>&-
            appliance/demo/bundles.sh "$2" 7>&-
            appliance/build.sh --bundle "$2/demo-1.0.0.bundle" --root "$2/root.json" --config appliance/demo/agent.yaml --name demo --format raw 7>&-
            """;
        await Tool.RunAsync("bash", ["-c", script, "bash", Repository.Root, Bundles], CancellationToken.None);
        var image = Path.Combine(Repository.Root, Image);
        return File.Exists(image) ? image : throw new FileNotFoundException($"appliance/build.sh did not make {image}");
    }
}
