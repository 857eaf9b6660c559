using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Appliance.Docker;

namespace Appliance.Bench;

/// <summary>
/// From <c>kill -9</c> of the only container of a service until a client is answered again, through ingress; and the same
/// with a port that the engine publishes, for who restarts it otherwise. The client asks anew every 5 ms, each time on
/// another connection, whether those before were answered or not. Each container is killed once, so that nobody's backoff
/// counts.
/// </summary>
internal static class Answering
{
    private const int Port = 8080;
    private const int FirstPort = 21080;
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // Those that wait for a container that is gone must not pile up.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var rounds = bed.Quick ? 3 : 10;
        var policy = await PublishedAsync(bed, rounds, "always", ct);
        // What is removed dies too, and is not to be started.
        await bed.ClearAsync(ct);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var loop = Recovery.StartWhatDiesAsync(bed.Engine, stop.Token);
        var smallest = await PublishedAsync(bed, rounds, "no", ct);
        await stop.CancelAsync();
        await loop;
        await bed.ClearAsync(ct);
        var (ours, started) = await OursAsync(bed, rounds, ct);

        const string What = "kill -9, until answered through ingress";
        return
        [
            new(What, ours, "ms", smallest, "a loop: start what dies, published port", new Aim(400, TimesFloor: false)),
            new(What, ours, "ms", policy, "--restart=always, published port", Aim: null),
            new("of it, until the engine has started it", started, "ms", 0, "", Aim: null),
        ];
    }

    private static async Task<(double Answered, double Started)> OursAsync(
        TestBed bed,
        int rounds,
        CancellationToken ct
    )
    {
        var (http, https) = (Haproxy.FreePort(), Haproxy.FreePort());
        var run = Directory.CreateTempSubdirectory("bh-").FullName;
        var services = Enumerable
            .Range(1, rounds)
            .Select(i =>
                $"  s{i:00}: {{image: '{TestBed.Image}', x-appliance: {{ingress: [{{port: {Port}, host: s{i:00}.bench}}], "
                + $"probes: [{{http: {{port: {Port}, path: /healthz}}}}]}}}}"
            );
        var bundle = await bed.BundleAsync("answering", string.Join('\n', services), ct);
        await using var agent = AgentProcess.Start(bed, "answering", bundle, Haproxy.Settings(http, https, run));
        await using var haproxy = new Haproxy(Path.Combine(agent.Data, "ingress"), run, bed.Folder("answering"));
        await agent.UntilInstalledAsync(ct);

        var (answered, started) = (new List<double>(), new List<double>());
        for (var i = 1; i <= rounds; i++)
        {
            await UntilAsync(http, $"s{i:00}.bench", ct);
            var (whole, start) = await KillAsync(bed, $"bench-s{i:00}-1", http, $"s{i:00}.bench", ct);
            answered.Add(whole);
            started.Add(start);
        }
        Directory.Delete(run, recursive: true);
        return (Figures.Median(answered), Figures.Median(started));
    }

    private static async Task<double> PublishedAsync(
        TestBed bed,
        int rounds,
        string restartPolicy,
        CancellationToken ct
    )
    {
        await bed.CreateNetworkAsync(ct);
        // Below those that the kernel gives to clients: one that asks where nobody listens could get the very port, be
        // connected to itself, and keep it from whom it asks for.
        var ports = Enumerable.Range(FirstPort, rounds).ToList();
        foreach (var port in ports)
            await bed.RunServerAsync($"server-{port}", restartPolicy, Port, port, ct);
        var took = new List<double>();
        foreach (var port in ports)
        {
            await UntilAsync(port, "bench", ct);
            took.Add((await KillAsync(bed, $"server-{port}", port, "bench", ct)).Answered);
        }
        return Figures.Median(took);
    }

    private static async Task<(double Answered, double Started)> KillAsync(
        TestBed bed,
        string name,
        int port,
        string host,
        CancellationToken ct
    )
    {
        var container = await bed.Engine.Containers.InspectAsync(name, ct);
        var query = new EventQuery { Types = [EventType.Container], Actions = [EventActions.Start] };
        await using var events = await bed.Engine.Events.OpenAsync(query, ct);
        using var process = Process.GetProcessById(container.State.Pid);
        // It settles: the engine counts a short run against a container that it restarts.
        await Task.Delay(bed.Quick ? TimeSpan.Zero : TimeSpan.FromSeconds(1), TimeProvider.System, ct);

        var began = Stopwatch.GetTimestamp();
        process.Kill();
        var started = StartedAsync(events, name, began, ct);
        await process.WaitForExitAsync(ct);
        var answered = await UntilAsync(port, host, ct, began);
        return (answered, await started);
    }

    private static async Task<double> StartedAsync(
        IAsyncEnumerable<EngineEvent> events,
        string name,
        long began,
        CancellationToken ct
    )
    {
        await foreach (var happened in events.WithCancellation(ct))
        {
            if (happened.Attributes.GetValueOrDefault("name") == name)
                return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }
        throw new InvalidOperationException("the engine ended its events");
    }

    /// <summary>Until the first answer to any of the requests, in ms.</summary>
    private static async Task<double> UntilAsync(int port, string host, CancellationToken ct, long began = 0)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(ct);
        enough.CancelAfter(Limit);
        var first = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = new List<Task>();
        using var timer = new PeriodicTimer(Every);
        do
        {
            asked.RemoveAll(a => a.IsCompleted);
            asked.Add(AskAsync(port, host, first, began, enough.Token));
        } while (!first.Task.IsCompleted && await timer.WaitForNextTickAsync(enough.Token));
        await enough.CancelAsync();
        await Task.WhenAll(asked);
        return await first.Task;
    }

    private static async Task AskAsync(
        int port,
        string host,
        TaskCompletionSource<double> first,
        long began,
        CancellationToken ct
    )
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        if (await AnswersAsync(port, host, patience.Token))
            first.TrySetResult(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
    }

    /// <summary>Asks once, on a connection of its own; false as well when it was cancelled.</summary>
    public static async Task<bool> AnswersAsync(int port, string host, CancellationToken ct)
    {
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync("127.0.0.1", port, ct);
            await socket.SendAsync(
                Encoding.ASCII.GetBytes(
                    string.Create(CultureInfo.InvariantCulture, $"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n")
                ),
                ct
            );
            var buffer = new byte[64];
            var read = await socket.ReceiveAsync(buffer, ct);
            return Encoding.ASCII.GetString(buffer, 0, read).Contains(" 200 ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
