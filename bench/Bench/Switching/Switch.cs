using Appliance.Load;

namespace Appliance.Bench.Switching;

/// <summary>
/// Requests that fail while an application is brought from one version to the next, under constant load; and how long
/// nobody was answered.
/// </summary>
internal static class Switch
{
    private const string First = "1.0.0";
    private const string Second = "2.0.0";
    private const string Steady = "steady";
    private const string Changing = "changing";
    private const string Ending = "ending";
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Ramp = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        foreach (var version in (string[])[First, Second])
        {
            var archive = Path.Combine(TestBed.Variable("BENCH_LOAD_APP"), version, "images/web.tar");
            await using var image = File.OpenRead(archive);
            await bed.Engine.Images.LoadAsync(image, progress: null, ct);
        }

        // Whatever makes the change is measured in the same way, one after the other.
        Func<IChange>[] changes = [() => new ApplianceUpgrade(bed), () => new ComposeUp(bed)];
        var rows = new List<Row>();
        foreach (var (name, shape) in Shapes(bed))
        {
            foreach (var begin in changes)
            {
                await using var change = begin();
                var report = await RunAsync(bed, change, shape, ct);
                await Console.Error.WriteLineAsync($"{change.Name}, {name}:\n{report}");
                rows.AddRange(Rows($"{change.Name}, {name}", change.IsOurs, report));
            }
        }
        return rows;
    }

    /// <summary>Long requests and WebSockets lengthen every stop: without them the comparison is at its mildest.</summary>
    private static (string Name, Func<Uri, LoadOptions> Options)[] Shapes(TestBed bed)
    {
        var normal = new LoadOptions
        {
            Target = new("http://localhost"),
            LongTime = TimeSpan.FromSeconds(bed.Quick ? 5 : 30),
            Window = Window,
            FirstPhase = "ramp",
            RampUp = Ramp,
        };
        return
        [
            ("short", url => normal with { Target = url, LongRequests = 0, WebSockets = 0 }),
            ("all kinds", url => normal with { Target = url }),
        ];
    }

    private static async Task<LoadReport> RunAsync(
        TestBed bed,
        IChange change,
        Func<Uri, LoadOptions> shape,
        CancellationToken ct
    )
    {
        var url = await change.InstallAsync(First, ct);
        await UntilAnsweredAsync(url, ct);
        await using var load = await LoadRun.StartAsync(shape(url), TimeProvider.System, ct);
        var time = TimeSpan.FromSeconds(bed.Quick ? 3 : 15);
        await Task.Delay(Ramp + Ramp, TimeProvider.System, ct);
        load.Mark(Steady);
        await Task.Delay(time, TimeProvider.System, ct);
        load.Mark(Changing);
        await change.ChangeAsync(Second, ct);
        await UntilAsync(() => load.Report().Phase(Changing).Versions.ContainsKey(Second), ct);
        load.Mark("after");
        await Task.Delay(time, TimeProvider.System, ct);
        load.Mark(Ending);
        return await load.StopAsync(ct);
    }

    private static IEnumerable<Row> Rows(string what, bool ours, LoadReport report)
    {
        var (steady, changing) = (report.Phase(Steady), report.Phase(Changing));
        yield return new(
            $"{what}: failed",
            report.Failed,
            "",
            steady.Failed,
            $"before the change; {report.Requests} requests in all",
            ours ? new(0, TimesFloor: false) : null
        );
        yield return new(
            $"{what}: nobody answered",
            LongestSilence(report).TotalSeconds,
            "s",
            0,
            "",
            ours ? new(Window.TotalSeconds, TimesFloor: false) : null
        );
        yield return new(
            $"{what}: p99",
            changing.Latency.P99.TotalMilliseconds,
            "ms",
            steady.Latency.P99.TotalMilliseconds,
            "before the change",
            ours ? new(2, TimesFloor: true) : null
        );
        yield return new(
            $"{what}: client late, p99",
            changing.Lateness.P99.TotalMilliseconds,
            "ms",
            steady.Lateness.P99.TotalMilliseconds,
            "before the change; a part of the latency",
            Aim: null
        );
    }

    private static TimeSpan LongestSilence(LoadReport report)
    {
        var (longest, silent) = (0, 0);
        // At the end nothing new is sent.
        foreach (var window in report.Windows.TakeWhile(w => w.Began + Window < report.Phase(Ending).Began))
        {
            silent = window.Requests > window.Failed ? 0 : silent + 1;
            longest = Math.Max(longest, silent);
        }
        return longest * Window;
    }

    private static async Task UntilAnsweredAsync(Uri url, CancellationToken ct)
    {
        using var client = new HttpClient();
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        while (true)
        {
            try
            {
                await client.GetStringAsync(url, either.Token);
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(Pause, TimeProvider.System, either.Token);
            }
        }
    }

    private static async Task UntilAsync(Func<bool> condition, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        while (!condition())
            await Task.Delay(Pause, TimeProvider.System, either.Token);
    }
}
