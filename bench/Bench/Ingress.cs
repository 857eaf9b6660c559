using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Appliance.Bench;

/// <summary>
/// What a request costs that goes through ingress, beside the same request to the container itself: one at a time on a kept
/// connection, and as many as there can be on several. Ours and the floor take turns.
/// </summary>
internal static class Ingress
{
    private const int Connections = 16;
    private const int Port = 8080;
    private const string Image = "load/web:1.0.0";
    private const string Services =
        $"  web: {{image: '{Image}', deploy: {{replicas: 2}}, x-appliance: {{ingress: [8080], "
        + "probes: [{http: {port: 8080, path: /healthz}, interval: 5s}]}}";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var (http, https) = (Haproxy.FreePort(), Haproxy.FreePort());
        var run = Directory.CreateTempSubdirectory("bi-").FullName;
        var bundle = await bed.BundleAsync(
            "ingress",
            Services,
            Path.Combine(TestBed.Variable("BENCH_LOAD_APP"), "1.0.0", "images/web.tar"),
            ct
        );
        await using var agent = AgentProcess.Start(bed, "ingress", bundle, Haproxy.Settings(http, https, run));
        await using var haproxy = new Haproxy(Path.Combine(agent.Data, "ingress"), run, bed.Folder("ingress"));
        await agent.UntilInstalledAsync(ct);

        var container = await bed.Engine.Containers.InspectAsync("bench-web-1", ct);
        var direct = new Target(container.NetworkSettings.Networks.Values.First().IPAddress!, Port, Tls: false);
        var plain = new Target("127.0.0.1", http, Tls: false);
        var secure = new Target("127.0.0.1", https, Tls: true);
        await UntilServedAsync(plain, ct);

        var requests = bed.Quick ? 500 : 5000;
        var time = TimeSpan.FromSeconds(bed.Quick ? 1 : 5);
        var figures = new Dictionary<Target, (List<double> P50, List<double> P99, List<double> Rate)>
        {
            [direct] = ([], [], []),
            [plain] = ([], [], []),
            [secure] = ([], [], []),
        };
        for (var round = 0; round < (bed.Quick ? 1 : 5); round++)
        {
            foreach (var (target, (p50, p99, rate)) in figures)
            {
                var took = await LatenciesAsync(target, requests, ct);
                p50.Add(took[took.Count / 2]);
                p99.Add(took[took.Count * 99 / 100]);
                rate.Add(await RateAsync(target, time, ct));
            }
        }

        const string Floor = "the container itself";
        var floor = figures[direct];
        var rows = new List<Row>();
        foreach (var (name, target) in ((string, Target)[])[("ingress", plain), ("ingress, TLS", secure)])
        {
            var (p50, p99, rate) = figures[target];
            var added = Figures.Median(p50) - Figures.Median(floor.P50);
            rows.Add(new($"{name}: p50", Figures.Median(p50), "ms", Figures.Median(floor.P50), Floor, Aim: null));
            rows.Add(
                new(
                    $"{name}: adds at p50",
                    added,
                    "ms",
                    0,
                    "",
                    target == plain ? new Aim(0.1, TimesFloor: false) : null
                )
            );
            rows.Add(new($"{name}: p99", Figures.Median(p99), "ms", Figures.Median(floor.P99), Floor, Aim: null));
            rows.Add(
                new(
                    $"{name}: {Connections} connections",
                    Figures.Median(rate),
                    "/s",
                    Figures.Median(floor.Rate),
                    Floor,
                    Aim: null
                )
            );
        }
        Directory.Delete(run, recursive: true);
        return rows;
    }

    /// <summary>How long requests take, one after the other, in ms and in order of size.</summary>
    private static async Task<List<double>> LatenciesAsync(Target target, int count, CancellationToken ct)
    {
        await using var connection = await Connection.OpenAsync(target, ct);
        var took = new List<double>(count);
        for (var i = 0; i < count + (count / 10); i++)
        {
            var began = System.Diagnostics.Stopwatch.GetTimestamp();
            await connection.AskAsync(ct);
            // The first ones find nothing warm.
            if (i >= count / 10)
                took.Add(System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        took.Sort();
        return took;
    }

    /// <summary>Requests per second, with as many at a time as there are connections.</summary>
    private static async Task<double> RateAsync(Target target, TimeSpan time, CancellationToken ct)
    {
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(
            Enumerable
                .Range(0, Connections)
                .Select(async _ =>
                {
                    await using var connection = await Connection.OpenAsync(target, ct);
                    var count = 0;
                    for (; System.Diagnostics.Stopwatch.GetElapsedTime(began) < time; count++)
                        await connection.AskAsync(ct);
                    return count;
                })
        );
        return counts.Sum() / System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task UntilServedAsync(Target target, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        while (true)
        {
            try
            {
                await using var connection = await Connection.OpenAsync(target, either.Token);
                await connection.AskAsync(either.Token);
                return;
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                await Task.Delay(Pause, TimeProvider.System, either.Token);
            }
        }
    }

    private sealed record Target(string Address, int Port, bool Tls);

    /// <summary>The least of a client: what is measured is not to be its own time.</summary>
    private sealed class Connection : IAsyncDisposable
    {
        private static readonly byte[] s_request = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"u8.ToArray();
        private readonly Stream stream;
        private readonly byte[] buffer = new byte[16 * 1024];

        private Connection(Stream stream) => this.stream = stream;

        public static async Task<Connection> OpenAsync(Target target, CancellationToken ct)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(target.Address, target.Port, ct);
                var plain = new NetworkStream(socket, ownsSocket: true);
                if (!target.Tls)
                    return new Connection(plain);
                // It is self-signed, and our own.
#pragma warning disable CA5359
                var secure = new SslStream(plain, false, static (_, _, _, _) => true);
#pragma warning restore CA5359
                await secure.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions { TargetHost = "localhost" },
                    ct
                );
                return new Connection(secure);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        public async Task AskAsync(CancellationToken ct)
        {
            await stream.WriteAsync(s_request, ct);
            var (length, head, size) = (0, -1, 0);
            while (head < 0 || length < head + size)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(length), ct);
                if (read == 0)
                    throw new IOException("closed within an answer");
                length += read;
                if (head < 0)
                    (head, size) = Head(buffer.AsSpan(0, length));
            }
        }

        public ValueTask DisposeAsync() => stream.DisposeAsync();

        /// <summary>Where the body begins, and its length; -1: not yet.</summary>
        private static (int Start, int Length) Head(ReadOnlySpan<byte> answer)
        {
            var end = answer.IndexOf("\r\n\r\n"u8);
            if (end < 0)
                return (-1, 0);
            var text = Encoding.ASCII.GetString(answer[..end]);
            if (!text.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
                throw new IOException(text);
            const string Length = "content-length:";
            var line = text.Split("\r\n").First(l => l.StartsWith(Length, StringComparison.OrdinalIgnoreCase));
            return (end + 4, int.Parse(line[Length.Length..], CultureInfo.InvariantCulture));
        }
    }
}
