using System.Globalization;
using System.Text;

namespace Appliance.Load;

/// <summary>
/// Load that is under way. Short requests are sent when they are due, at a constant rate, whatever became of those before;
/// and their latency counts from when they were due. So a server that stands still is charged with all who would have waited.
/// </summary>
public sealed class LoadRun : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly LoadOptions options;
    private readonly TimeProvider clock;
    private readonly Recorder recorder;
    private readonly Server server;
    private readonly Http1Requests http1;
    private readonly Http2Requests? http2;
    private readonly CancellationTokenSource stop = new();
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string nonces = Random.Shared.NextInt64().ToString("x", CultureInfo.InvariantCulture);
    private readonly byte[] filler;
    private long numbers;

    // The run itself is one, so that none is left only after it was stopped.
    private int parts = 1;

    private LoadRun(LoadOptions options, Recorder recorder, Server server, TimeProvider clock)
    {
        this.options = options;
        this.recorder = recorder;
        this.server = server;
        this.clock = clock;
        filler = new byte[options.BodyBytes];
        filler.AsSpan().Fill((byte)'x');
        http1 = new(options, server, recorder, clock);
        http2 = server.Tls is null ? null : new(options, server, recorder, clock);
    }

    /// <summary>Begins the load.</summary>
    /// <exception cref="ArgumentException">The options make no sense.</exception>
    public static async Task<LoadRun> StartAsync(LoadOptions options, TimeProvider clock, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(clock);
        if (options.Target.Scheme is not ("http" or "https"))
            throw new ArgumentException($"{options.Target} is neither http nor https");
        ArgumentOutOfRangeException.ThrowIfNegative(options.Rate);

        var record = new Recorder(clock, options.Window, options.FirstPhase);
        var run = new LoadRun(options, record, await Server.FindAsync(options, record, ct), clock);
        run.Begin();
        return run;
    }

    /// <summary>Ends a phase and begins the next.</summary>
    public void Mark(string phase) => recorder.Mark(phase);

    /// <summary>What there is to report so far.</summary>
    public LoadReport Report() => recorder.Report();

    /// <summary>Sends nothing more, waits for what is under way, the long requests too, and reports.</summary>
    /// <param name="ct">Ends the wait.</param>
    public async Task<LoadReport> StopAsync(CancellationToken ct)
    {
        if (!stop.IsCancellationRequested)
        {
            await stop.CancelAsync();
            PartEnded();
        }
        await ended.Task.WaitAsync(ct);
        recorder.Stop();
        return recorder.Report();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        http1.Dispose();
        http2?.Dispose();
    }

    private void Begin()
    {
        var round = options.Mix.Round(http2 is not null);
        if (options.Rate > 0)
            Part(
                PaceAsync(
                    options.Rate,
                    options.RampUp,
                    number => (round[(int)(number % round.Count)], Short(round[(int)(number % round.Count)]))
                )
            );
        if (options.LongRequests > 0)
            Part(
                PaceAsync(
                    options.LongRequests / options.LongTime.TotalSeconds,
                    TimeSpan.Zero,
                    number => number % 2 == 0 ? (RequestKind.LongPoll, LongPoll()) : (RequestKind.Stream, Streamed())
                )
            );
        for (var i = 0; i < options.WebSockets; i++)
            Part(new WebSocketEcho(options, server, recorder, clock, $"{nonces}-w{i}").RunAsync(stop.Token));
    }

    /// <summary>Begins each request when it is due; several at once when the timer was late.</summary>
    private async Task PaceAsync(double rate, TimeSpan rampUp, Func<long, (RequestKind Kind, Request Request)> next)
    {
        using var timer = new PeriodicTimer(Tick, clock);
        var start = clock.GetTimestamp();
        long number = 0;
        while (!stop.IsCancellationRequested)
        {
            for (
                long due;
                (due = start + (long)(DueAt(number, rate, rampUp.TotalSeconds) * clock.TimestampFrequency))
                    <= clock.GetTimestamp();
                number++
            )
            {
                recorder.Late(clock.GetElapsedTime(due));
                var (kind, request) = next(number);
                Part(SendAsync(kind, request, due));
            }
            try
            {
                await timer.WaitForNextTickAsync(stop.Token);
            }
            catch (OperationCanceledException)
            {
                // No more of them.
            }
        }
    }

    /// <summary>In seconds from the start, at a rate that grows evenly to what it is to be.</summary>
    private static double DueAt(long number, double rate, double rampUp) =>
        number < rate * rampUp / 2 ? Math.Sqrt(2 * rampUp * number / rate) : (rampUp / 2) + (number / rate);

    private async Task SendAsync(RequestKind kind, Request request, long due)
    {
        if (recorder.UnderWay >= options.MostUnderWay)
        {
            recorder.Record(kind, TimeSpan.Zero, new(null, FailureKind.NotSent, $"{options.MostUnderWay} under way"));
            return;
        }
        recorder.Began();
        try
        {
            // Not the token that stops the run: what is under way is let end.
            var outcome =
                kind == RequestKind.Http2 && http2 is not null
                    ? await http2.SendAsync(request, CancellationToken.None)
                    : await http1.SendAsync(request, CancellationToken.None);
            var meant = kind is RequestKind.LongPoll or RequestKind.Stream ? options.LongTime : TimeSpan.Zero;
            recorder.Record(kind, clock.GetElapsedTime(due) - meant, outcome);
        }
        finally
        {
            recorder.Ended();
        }
    }

    private Request Short(RequestKind kind)
    {
        var nonce = Nonce();
        if (kind != RequestKind.Post)
            return new(
                $"/?nonce={nonce}",
                null,
                Encoding.ASCII.GetBytes(nonce),
                kind != RequestKind.New,
                options.Timeout
            );
        byte[] body = [.. Encoding.ASCII.GetBytes(nonce), .. filler];
        return new("/", body, body, KeepAlive: true, options.Timeout);
    }

    private Request LongPoll() => Long("/slow", 0);

    // A dot comes each second, the first at once.
    private Request Streamed() => Long("/stream", (int)Math.Ceiling(options.LongTime.TotalSeconds));

    private Request Long(string path, int dots)
    {
        var nonce = Nonce();
        return new(
            $"{path}?seconds={options.LongTime.TotalSeconds:0.###}&nonce={nonce}",
            null,
            Encoding.ASCII.GetBytes(new string('.', dots) + nonce),
            KeepAlive: false,
            options.LongTime + options.Timeout
        );
    }

    private string Nonce() => $"{nonces}-{Interlocked.Increment(ref numbers)}";

    private void Part(Task task)
    {
        if (task.IsCompletedSuccessfully)
            return;
        Interlocked.Increment(ref parts);
        _ = AwaitAsync(task);

        async Task AwaitAsync(Task part)
        {
            try
            {
                await part;
            }
            catch (Exception e)
            {
                // What is no failure of the network is a bug of ours: whoever stops the run is told.
                ended.TrySetException(e);
            }
            PartEnded();
        }
    }

    private void PartEnded()
    {
        if (Interlocked.Decrement(ref parts) == 0)
            ended.TrySetResult();
    }
}
