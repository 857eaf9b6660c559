using System.Diagnostics;
using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Appliance.Bench;

/// <summary>
/// A bundle with deltas between two Debian trees: how small it is, and what an appliance takes to make the layer again. The
/// trees are made by <c>bench/pair.sh</c>, which says of what.
/// </summary>
internal static class Deltas
{
    private const double Million = 1e6;

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var pair = TestBed.Variable("BENCH_PAIR");
        var what = (await File.ReadAllTextAsync(Path.Combine(pair, "what"), ct)).Trim();
        await Console.Error.WriteLineAsync($"The pair: {what}");
        var folder = bed.Folder("deltas");
        var (old, next) = (Path.Combine(pair, "old.tar"), Path.Combine(pair, "new.tar"));
        var first = await CreateAsync(bed, folder, old, "1", deltaFrom: null, ct);
        var second = await CreateAsync(bed, folder, next, "2", first.Version, ct);
        var delta = await DeltaAsync(bed, second.Small, ct);
        var gzip = new FileInfo(await GzipAsync(folder, next, ct)).Length;
        var size = new FileInfo(next).Length;

        await using var agent = AgentProcess.Start(bed, "deltas-agent", first.Whole);
        await agent.UntilInstalledAsync(ct);
        var (took, peak) = await ApplyAsync(bed, agent, second.Small, ct);
        return
        [
            new("delta of the layer", delta / Million, "MB", gzip / Million, "gzip of the same", new Aim(9.8, false)),
            new(
                "bundle with deltas",
                new FileInfo(second.Small).Length / Million,
                "MB",
                new FileInfo(second.Whole).Length / Million,
                "the whole bundle",
                Aim: null
            ),
            new("applying it: memory of xdelta3", peak, "MB", 0, "", new Aim(100, false)),
            new(
                $"applying it, {size / Million:0} MB",
                took.TotalMilliseconds,
                "ms",
                size / Million * 10,
                "100 MB/s",
                new Aim(1, TimesFloor: true)
            ),
        ];
    }

    /// <summary>The lifetime of the agent's <c>xdelta3</c>, and its most memory, as seen from outside.</summary>
    private static async Task<(TimeSpan Took, double Peak)> ApplyAsync(
        TestBed bed,
        AgentProcess agent,
        string bundle,
        CancellationToken ct
    )
    {
        var upgrade = new Command(
            bed.Program("appliancectl"),
            ["upgrade", "--bundle", bundle, "--yes", "--socket", agent.Socket]
        ).RunAsync(ct);
        var peak = 0.0;
        var (began, ended) = (0L, 0L);
        while (!upgrade.IsCompleted)
        {
            foreach (var process in Process.GetProcessesByName("xdelta3"))
            {
                if (began == 0)
                    began = Stopwatch.GetTimestamp();
                ended = Stopwatch.GetTimestamp();
                peak = Math.Max(peak, Figures.PeakMemory(process));
                process.Dispose();
            }
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, ct);
        }
        await upgrade;
        return began == 0
            ? throw new InvalidOperationException("no delta was applied")
            : (Stopwatch.GetElapsedTime(began, ended), peak);
    }

    private static async Task<(string Version, string Whole, string Small)> CreateAsync(
        TestBed bed,
        string folder,
        string tar,
        string tag,
        string? deltaFrom,
        CancellationToken ct
    )
    {
        var reference = $"bench/debian:{tag}";
        var archive = Path.Combine(folder, $"{tag}.tar");
        await ArchiveAsync(tar, archive, reference, ct);
        var place = Directory.CreateDirectory(Path.Combine(folder, tag)).FullName;
        var compose = bed.Signer.WriteCompose(
            place,
            $"  debian: {{image: '{reference}', command: [sleep, infinity], init: true, deploy: {{update_config: {{monitor: 0s}}}}}}"
        );
        var version = bed.Signer.Version;
        var whole = Path.Combine(folder, $"{Signer.Product}-{version}.bundle");
        var create = bed.Signer.Create(compose, archive, whole);
        if (deltaFrom is not null)
            create = create with { Arguments = [.. create.Arguments, "--delta-from", deltaFrom] };
        await create.RunAsync(ct);
        File.Delete(archive);
        return (version, whole, Path.ChangeExtension(whole, ".delta.bundle"));
    }

    private static async Task<long> DeltaAsync(TestBed bed, string bundle, CancellationToken ct)
    {
        var start = new ProcessStartInfo(bed.Program("appliancectl"), ["bundle", "inspect", bundle, "-o", "json"])
        {
            RedirectStandardOutput = true,
        };
        using var inspect = Process.Start(start)!;
        using var shown = await JsonDocument.ParseAsync(inspect.StandardOutput.BaseStream, cancellationToken: ct);
        await inspect.WaitForExitAsync(ct);
        return shown
            .RootElement.GetProperty("deltas")
            .EnumerateArray()
            .SelectMany(layer => layer.GetProperty("bases").EnumerateArray())
            .Sum(old => old.GetProperty("size").GetInt64());
    }

    private static async Task<string> GzipAsync(string folder, string tar, CancellationToken ct)
    {
        var packed = Path.Combine(folder, "floor.gz");
        await new Command("/bin/sh", "-c", "gzip -c \"$1\" >\"$2\"", "sh", tar, packed).RunAsync(ct);
        return packed;
    }

    private static async Task ArchiveAsync(string layer, string archive, string reference, CancellationToken ct)
    {
        string diffId;
        await using (var file = File.OpenRead(layer))
            diffId = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, ct));
        var config = Path.ChangeExtension(archive, ".config");
        var manifest = Path.ChangeExtension(archive, ".manifest");
        var root = new JsonObject
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = new JsonObject { ["Env"] = new JsonArray("PATH=/usr/sbin:/usr/bin:/sbin:/bin") },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray($"sha256:{diffId}") },
        };
        var entry = new JsonObject
        {
            ["Config"] = "config.json",
            ["RepoTags"] = new JsonArray(reference),
            ["Layers"] = new JsonArray("layer.tar"),
        };
        await File.WriteAllTextAsync(config, root.ToJsonString(), ct);
        await File.WriteAllTextAsync(manifest, new JsonArray(entry).ToJsonString(), ct);
        await using var output = File.Create(archive);
        await using var tar = new TarWriter(output, TarEntryFormat.Gnu);
        foreach (
            var (name, path) in (IEnumerable<(string, string)>)
                [("config.json", config), ("layer.tar", layer), ("manifest.json", manifest)]
        )
            await tar.WriteEntryAsync(path, name, ct);
    }
}
