using System.Net.Security;
using System.Net.Sockets;

namespace Appliance.Agent.Drills;

/// <summary>What came of the requests since they were last begun to be counted.</summary>
/// <param name="Gap">The longest time without an answer.</param>
/// <param name="AnsweredSince">Since when each was answered, on the clock's timestamps; null: the last one was not.</param>
internal sealed record Tally(long Requests, long Lost, TimeSpan Gap, long? AnsweredSince);

/// <summary>
/// Asks at a steady rate, whether the requests before were answered or not, as many clients do that know nothing of each
/// other. Lost is what was not answered in its time, or with a server's error.
/// </summary>
internal sealed class Asking : IAsyncDisposable
{
    private readonly Door door;
    private readonly TimeSpan timeout;
    private readonly TimeProvider clock;
    private readonly HttpClient http;
    private readonly CancellationTokenSource over = new();
    private readonly Lock gate = new();
    private readonly HashSet<Task> underWay = [];
    private readonly Task asking;

    private long requests;
    private long lost;
    private long lastAnswer;
    private TimeSpan gap;
    private long? answeredSince;

    public Asking(Door door, DrillsOptions options, TimeProvider clock)
    {
        (this.door, timeout, this.clock) = (door, options.RequestTimeout, clock);
        http = new HttpClient(
            new SocketsHttpHandler
            {
                UseProxy = false,
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = timeout,
                // This appliance's own certificate, on its own address.
#pragma warning disable CA5359
                SslOptions = new SslClientAuthenticationOptions
                {
                    RemoteCertificateValidationCallback = static (_, _, _, _) => true,
                },
#pragma warning restore CA5359
            }
        )
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        lastAnswer = clock.GetTimestamp();
        asking = AskAsync(TimeSpan.FromSeconds(1) / options.Rate);
    }

    public Tally Tally
    {
        get
        {
            lock (gate)
            {
                var open = clock.GetElapsedTime(lastAnswer);
                return new Tally(requests, lost, open > gap ? open : gap, answeredSince);
            }
        }
    }

    /// <summary>Counts from now on.</summary>
    public void Begin()
    {
        lock (gate)
            (requests, lost, gap, lastAnswer) = (0, 0, TimeSpan.Zero, clock.GetTimestamp());
    }

    /// <summary>Asks no more, and waits for the last answers.</summary>
    public async Task<Tally> EndAsync()
    {
        await over.CancelAsync();
        await asking;
        Task[] left;
        Tally tally;
        lock (gate)
        {
            left = [.. underWay];
            tally = Tally;
        }
        await Task.WhenAll(left);
        lock (gate)
            return tally with { Requests = requests, Lost = lost };
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        http.Dispose();
        over.Dispose();
    }

    private async Task AskAsync(TimeSpan every)
    {
        using var timer = new PeriodicTimer(every, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(over.Token))
            {
                lock (gate)
                {
                    underWay.RemoveWhere(t => t.IsCompleted);
                    underWay.Add(Task.Run(AskOnceAsync, CancellationToken.None));
                }
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested) { }
    }

    private async Task AskOnceAsync()
    {
        var isAnswered = await IsAnsweredAsync();
        lock (gate)
        {
            requests++;
            var now = clock.GetTimestamp();
            if (!isAnswered)
            {
                lost++;
                answeredSince = null;
                return;
            }
            answeredSince ??= now;
            var without = clock.GetElapsedTime(lastAnswer, now);
            gap = without > gap ? without : gap;
            lastAnswer = now;
        }
    }

    private async Task<bool> IsAnsweredAsync()
    {
        using var deadline = new CancellationTokenSource(timeout, clock);
        try
        {
            if (door.IsTcp)
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(door.Uri.Host, door.Uri.Port, deadline.Token);
                return true;
            }
            using var request = new HttpRequestMessage(HttpMethod.Get, door.Uri);
            request.Headers.Host = door.Host;
            using var response = await http.SendAsync(
                request,
                HttpCompletionOption.ResponseHeadersRead,
                deadline.Token
            );
            return (int)response.StatusCode < 500;
        }
        catch (Exception e)
            when (e is HttpRequestException or SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }
}
