using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Appliance.Docker;

namespace Appliance.Bench.Updating;

/// <summary>
/// How long 10 GB of data stand still while they are kept, on a file system that can share blocks between files: from the end
/// of the last process that uses them until the journal has them as kept. bench.sh makes that file system, with an engine
/// on it, where the machine can.
/// </summary>
internal static class MuchData
{
    private const long Gigabyte = 1L << 30;

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var (gigabytes, file, rounds) = bed.Quick ? (1, Gigabyte / 4, 1) : (10, Gigabyte, 5);
        if (Environment.GetEnvironmentVariable("BENCH_REFLINKS") is not { Length: > 0 } engine)
        {
            var why = Environment.GetEnvironmentVariable("BENCH_NO_REFLINKS") ?? "bench.sh made no such file system";
            await Console.Out.WriteLineAsync($"snapshot of {gigabytes} GB by reflinks: NOT MEASURED, {why}");
            return [];
        }
        using var there = bed.On(engine);
        await there.ClearAsync(ct);
        try
        {
            return await MeasureAsync(there, gigabytes, file, rounds, ct);
        }
        finally
        {
            await there.ClearAsync(CancellationToken.None);
        }
    }

    private static async Task<IEnumerable<Row>> MeasureAsync(
        TestBed bed,
        int gigabytes,
        long file,
        int rounds,
        CancellationToken ct
    )
    {
        var bundle = await BundleAsync(bed, 0, ct);
        await using var agent = AgentProcess.Start(bed, "much-data", bundle);
        await agent.UntilInstalledAsync(ct);
        var live = (await bed.VolumesAsync(ct)).Single().Mountpoint;
        await FillAsync(live, gigabytes * Gigabyte, file, ct);

        var (kept, still, cloned, copied) = (
            new List<double>(),
            new List<double>(),
            new List<double>(),
            new List<double>()
        );
        var beside = Directory.CreateDirectory(Path.Combine(live, "../../..", "bench-floor")).FullName;
        for (var round = 1; round <= rounds; round++)
        {
            cloned.Add(await CopyAsync("always", live, Path.Combine(beside, "clone"), ct));
            copied.Add(await CopyAsync("never", Path.Combine(live, "0"), Path.Combine(beside, "copy"), ct));
            var (keeping, standing) = await UpgradeAsync(bed, agent, round, ct);
            kept.Add(keeping);
            still.Add(standing);
        }

        var what = $"{gigabytes} GB of data stand still";
        var scale = (double)gigabytes * Gigabyte / file;
        var streamed = Figures.Median(copied) * scale;
        return
        [
            new(
                $"{what} to be kept",
                Figures.Median(kept),
                "ms",
                streamed,
                $"a copy of {file / (1 << 20)} MB by its bytes, x {scale:0}",
                new Aim(1000, TimesFloor: false)
            ),
            new(
                $"{what} to be kept",
                Figures.Median(kept),
                "ms",
                Figures.Median(cloned),
                "cp --reflink, sync -f",
                null
            ),
            new($"{what}, until the new container", Figures.Median(still), "ms", 0, "", Aim: null),
        ];
    }

    /// <summary>From the end of the old container until the data is kept, and until the new container has it; in ms.</summary>
    private static async Task<(double Kept, double Still)> UpgradeAsync(
        TestBed bed,
        AgentProcess agent,
        int round,
        CancellationToken ct
    )
    {
        var bundle = await BundleAsync(bed, round, ct);
        await Bundling.SettleAsync(ct);
        var began = TimeProvider.System.GetUtcNow();
        var steps = await Upgrades.RunAsync(bed, agent, bundle, ct);
        var done = steps.First(s => s.Phase == "snapshotted");
        if (!done.Text.Contains("sharing their blocks", StringComparison.Ordinal))
            throw new InvalidOperationException($"no blocks were shared: {done.Text}");

        var (ended, started) = (DateTimeOffset.MinValue, DateTimeOffset.MinValue);
        var query = new EventQuery
        {
            Types = [EventType.Container],
            Actions = [EventActions.Die, EventActions.Start],
            Since = began,
            Until = TimeProvider.System.GetUtcNow(),
        };
        await foreach (var happened in bed.Engine.Events.ReadAsync(query, ct))
        {
            if (happened.Action == EventActions.Die && ended == DateTimeOffset.MinValue)
                ended = happened.Time;
            else if (happened.Action == EventActions.Start)
                started = happened.Time;
        }
        var keptAt = done.Time.ToDateTimeOffset();
        return ended > began && keptAt > ended && started > keptAt
            ? ((keptAt - ended).TotalMilliseconds, (started - ended).TotalMilliseconds)
            : throw new InvalidOperationException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"out of order: ended {ended:O}, kept {keptAt:O}, started {started:O}"
                )
            );
    }

    /// <summary>What the agent does to keep a volume, without the agent.</summary>
    private static async Task<double> CopyAsync(string reflink, string from, string to, CancellationToken ct)
    {
        await Bundling.SettleAsync(ct);
        string[] shell =
        [
            "-c",
            "cp -r --reflink=\"$1\" -- \"$2\" \"$3\" && sync -f -- \"$3\"",
            "sh",
            reflink,
            from,
            to,
        ];
        var took = await new Command("/bin/sh", shell).RunAsync(ct);
        await new Command("rm", "-r", "--", to).RunAsync(ct);
        return took.TotalMilliseconds;
    }

    /// <summary>Files full of bytes, as a database would have, which take all of their blocks on the disk.</summary>
    private static async Task FillAsync(string live, long size, long file, CancellationToken ct)
    {
        await Console.Error.WriteLineAsync($"Writing {size / Gigabyte} GB");
        var piece = RandomNumberGenerator.GetBytes(4 << 20);
        for (var i = 0; i < size / file; i++)
        {
            await using var stream = File.Create(Path.Combine(live, $"{i}"));
            for (var written = 0L; written < file; written += piece.Length)
                await stream.WriteAsync(piece, ct);
        }
        await Bundling.SettleAsync(ct);
        using var du = Process.Start(
            new ProcessStartInfo("du", ["--summarize", "--block-size=1", "--", live]) { RedirectStandardOutput = true }
        )!;
        var printed = await du.StandardOutput.ReadToEndAsync(ct);
        await du.WaitForExitAsync(ct);
        var allocated = long.Parse(printed.Split('\t')[0], CultureInfo.InvariantCulture);
        if (allocated < size)
            throw new InvalidOperationException($"{live} takes {allocated} bytes on the disk, and not {size}");
    }

    private static Task<string> BundleAsync(TestBed bed, int round, CancellationToken ct) =>
        bed.BundleAsync(
            "much-data",
            $"  db: {{image: '{TestBed.Image}', command: [sleep, infinity], init: true, environment: {{ROUND: '{round}'}}, "
                + "volumes: ['data:/data'], deploy: {update_config: {monitor: 0s}}}\n"
                + "volumes:\n  data: {x-appliance: {data: breaking}}",
            ct
        );
}
