using Appliance.V1;

namespace Appliance.Bench.Updating;

/// <summary>
/// What an upgrade would do and whether it can, as <c>upgrade --check</c> says it, of a release with 200 volumes: once none
/// of them changes, and once all do so that they have to be kept, for which each is looked at.
/// </summary>
internal static class ManyVolumes
{
    private const int Each = 10;

    private static readonly Aim OneSecond = new(1000, TimesFloor: false);

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var (services, rounds) = bed.Quick ? (2, 1) : (20, 7);
        var count = services * Each;
        var first = await BundleAsync(bed, services, "first", data: "none", ct);
        await using var agent = AgentProcess.Start(bed, "many-volumes", first);
        await agent.UntilInstalledAsync(ct);
        var folders = await FillAsync(bed, ct);
        var harmless = await BundleAsync(bed, services, "harmless", data: "none", ct);
        var breaking = await BundleAsync(bed, services, "breaking", data: "breaking", ct);

        var (unchanged, changed, verifying, looking) = (
            new List<double>(),
            new List<double>(),
            new List<double>(),
            new List<double>()
        );
        for (var round = 0; round < rounds; round++)
        {
            verifying.Add(await TimeAsync(bed.Signer.Verify(breaking), ct));
            looking.Add(await TimeAsync(new Command("du", ["--summarize", "--", .. folders]), ct));
            unchanged.Add(await TimeAsync(Upgrades.CommandFor(bed, agent, harmless, "--check"), ct));
            changed.Add(await TimeAsync(Upgrades.CommandFor(bed, agent, breaking, "--check"), ct));
        }
        var steps = await Upgrades.RunAsync(bed, agent, breaking, ct);
        var (verify, look) = (Figures.Median(verifying), Figures.Median(looking));
        const string Verify = "bundle verify";
        const string Both = "bundle verify, and du of the volumes";
        return
        [
            new(
                $"upgrade --check, {count} volumes, none changes",
                Figures.Median(unchanged),
                "ms",
                verify,
                Verify,
                OneSecond
            ),
            new($"upgrade --check, {count}, all change", Figures.Median(changed), "ms", verify + look, Both, OneSecond),
            new(
                $"preflight of the upgrade, {count}, all change",
                (steps.At("preflighted") - steps.At("verified")).TotalMilliseconds,
                "ms",
                look,
                "du of the volumes",
                OneSecond
            ),
            new(
                $"keeping {count} small volumes, once",
                (
                    steps.At("snapshotted") - steps.At("snapshotting", OperationStep.Types.Outcome.Begun)
                ).TotalMilliseconds,
                "ms",
                0,
                "",
                Aim: null
            ),
        ];
    }

    private static async Task<double> TimeAsync(Command command, CancellationToken ct)
    {
        await Bundling.SettleAsync(ct);
        return (await command.RunAsync(ct)).TotalMilliseconds;
    }

    /// <summary>Something is in each, so that there is something to measure and to keep.</summary>
    private static async Task<IReadOnlyList<string>> FillAsync(TestBed bed, CancellationToken ct)
    {
        var volumes = await bed.VolumesAsync(ct);
        foreach (var volume in volumes)
            await File.WriteAllBytesAsync(Path.Combine(volume.Mountpoint, "data"), new byte[64 * 1024], ct);
        return [.. volumes.Select(v => v.Mountpoint)];
    }

    private static Task<string> BundleAsync(
        TestBed bed,
        int services,
        string version,
        string data,
        CancellationToken ct
    )
    {
        var definitions = Enumerable
            .Range(0, services)
            .Select(i =>
                $"  s{i:00}: {{image: '{TestBed.Image}', command: [sleep, infinity], init: true, environment: {{VERSION: {version}}}, "
                + $"volumes: [{string.Join(", ", VolumesOf(i).Select(v => $"'{v}:/{v}'"))}], deploy: {{update_config: {{monitor: 0s}}}}}}"
            );
        var volumes = Enumerable
            .Range(0, services)
            .SelectMany(VolumesOf)
            .Select(v => $"  {v}: {{x-appliance: {{data: {data}}}}}");
        return bed.BundleAsync(
            $"many-volumes-{version}",
            string.Join('\n', [.. definitions, "volumes:", .. volumes]),
            ct
        );
    }

    private static IEnumerable<string> VolumesOf(int service) =>
        Enumerable.Range(service * Each, Each).Select(v => $"v{v:000}");
}
