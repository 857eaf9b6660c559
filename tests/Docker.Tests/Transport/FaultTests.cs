using System.Buffers.Binary;
using System.Net;
using System.Text;
using Appliance.Testing;

namespace Appliance.Docker.Tests.Transport;

public sealed class FaultTests : IDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly ManualClock clock = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string SocketPath => folder["docker.sock"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("tcp://127.0.0.1:2375")]
    [InlineData("unix://relative")]
    [InlineData("/var/run/docker.sock")]
    public void Only_a_unix_socket_is_an_endpoint(string endpoint) =>
        Assert.Throws<ArgumentException>(() => DockerEngine.Connect(endpoint, clock));

    [Fact]
    public async Task Without_a_socket_the_engine_is_unavailable()
    {
        using var client = Connect();
        await Assert.ThrowsAsync<EngineUnavailableException>(() => client.System.PingAsync(Ct));
        await Assert.ThrowsAsync<EngineUnavailableException>(() => client.System.InfoAsync(Ct));
        await Assert.ThrowsAsync<EngineUnavailableException>(async () => await client.Events.OpenAsync(new(), Ct));
    }

    [Fact]
    public async Task A_socket_that_nobody_listens_on_is_unavailable()
    {
        await File.WriteAllTextAsync(SocketPath, "", Ct);
        using var client = Connect();
        await Assert.ThrowsAsync<EngineUnavailableException>(() => client.System.PingAsync(Ct));
    }

    [Fact]
    public async Task An_engine_that_hangs_is_unavailable_once_the_deadline_passes()
    {
        await using var engine = new FaultyEngine(SocketPath, _ => null);
        using var client = Connect();
        var list = client.Containers.ListAsync(new(), Ct);
        var events = client.Events.OpenAsync(new(), Ct);
        await HeardAsync(engine, 2);
        clock.Advance(TimeSpan.FromSeconds(29));
        Assert.False(list.IsCompleted || events.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));
        var e = await Assert.ThrowsAsync<EngineUnavailableException>(() => list);
        Assert.Contains("00:00:30", e.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<EngineUnavailableException>(() => events);
    }

    [Fact]
    public async Task An_engine_that_stops_in_the_middle_of_an_answer_is_unavailable_too()
    {
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Http(200, "{\"NCPU\":", length: 500));
        using var client = Connect();
        await Assert.ThrowsAsync<EngineUnavailableException>(() => client.System.InfoAsync(Ct));
    }

    [Fact]
    public async Task A_stop_is_given_its_grace_period_on_top()
    {
        await using var engine = new FaultyEngine(SocketPath, _ => null);
        using var client = Connect();
        var stop = client.Containers.StopAsync("x", TimeSpan.FromMinutes(10), "SIGINT", Ct);
        await HeardAsync(engine, 1);
        Assert.Equal("POST /v1.41/containers/x/stop?t=600&signal=SIGINT HTTP/1.1", engine.Heard[0]);
        clock.Advance(TimeSpan.FromMinutes(11));
        Assert.False(stop.IsCompleted);
        clock.Advance(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<EngineUnavailableException>(() => stop);
    }

    [Fact]
    public async Task The_callers_own_cancellation_is_no_failure_of_the_engine()
    {
        await using var engine = new FaultyEngine(SocketPath, _ => null);
        using var client = Connect();
        using var cancel = new CancellationTokenSource();
        var info = client.System.InfoAsync(cancel.Token);
        await HeardAsync(engine, 1);
        await cancel.CancelAsync();
        var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => info);
        Assert.Equal(cancel.Token, e.CancellationToken);
    }

    [Fact]
    public async Task The_lower_of_the_two_versions_is_spoken_and_follows_the_engine()
    {
        FaultyEngine? running = null;
        await using var engine = new FaultyEngine(
            SocketPath,
            line =>
                line.Contains($"/v{running!.ApiVersion}/", StringComparison.Ordinal)
                    ? FaultyEngine.Http(200, "{}", running.ApiVersion)
                    : FaultyEngine.Http(400, "{\"message\":\"client version is too new\"}", running.ApiVersion)
        );
        running = engine;
        engine.ApiVersion = "1.45";
        using var client = Connect();
        await client.System.InfoAsync(Ct);
        engine.ApiVersion = "1.41";
        await client.Networks.ConnectAsync("n", "c", endpoint: null, Ct);
        await client.System.InfoAsync(Ct);
        Assert.Equal(
            [
                "GET /v1.45/info HTTP/1.1",
                "POST /v1.45/networks/n/connect HTTP/1.1",
                "POST /v1.41/networks/n/connect HTTP/1.1",
                "GET /v1.41/info HTTP/1.1",
            ],
            engine.Heard
        );
    }

    [Fact]
    public async Task A_newer_engine_is_spoken_to_in_our_newest_version()
    {
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Http(200, "{}", "1.99"))
        {
            ApiVersion = "1.99",
        };
        using var client = Connect();
        Assert.Equal(new PingReply(new(1, 99), ApiVersion.Newest), await client.System.PingAsync(Ct));
        await client.System.InfoAsync(Ct);
        Assert.Equal([$"GET /v{ApiVersion.Newest}/info HTTP/1.1"], engine.Heard);
    }

    [Fact]
    public async Task An_engine_that_is_too_old_is_named()
    {
        await using var engine = new FaultyEngine(SocketPath, _ => null) { ApiVersion = "1.40" };
        using var client = Connect();
        var e = await Assert.ThrowsAsync<EngineProtocolException>(() => client.System.InfoAsync(Ct));
        Assert.Contains("1.40", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"message\":\"out of cheese\"}", "out of cheese")]
    [InlineData("<html>", "the engine answered 500 X")]
    [InlineData("", "the engine answered 500 X")]
    [InlineData("{\"message\":7}", "the engine answered 500 X")]
    public async Task A_refusal_has_a_message_whatever_its_form(string body, string message)
    {
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Http(500, body));
        using var client = Connect();
        var e = await Assert.ThrowsAsync<DockerEngineException>(() => client.System.InfoAsync(Ct));
        Assert.Equal((HttpStatusCode.InternalServerError, message), (e.StatusCode, e.Message));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"NCPU\":\"two\"}")]
    [InlineData("nothing")]
    [InlineData("")]
    public async Task An_answer_of_another_form_is_a_protocol_error(string body)
    {
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Http(200, body));
        using var client = Connect();
        await Assert.ThrowsAsync<EngineProtocolException>(() => client.System.InfoAsync(Ct));
    }

    [Fact]
    public async Task Unknown_fields_are_ignored_and_missing_and_null_ones_empty()
    {
        const string body =
            """[{"Id":"a","Labels":null,"Names":null,"Ports":null,"State":"dancing","New":{"x":[1]}}, {}]""";
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Http(200, body));
        using var client = Connect();
        var list = await client.Containers.ListAsync(new(), Ct);
        Assert.Equal(["a", ""], list.Select(c => c.Id));
        Assert.All(
            list,
            c =>
            {
                Assert.Equal(ContainerStatus.Unknown, c.State);
                Assert.Empty(c.Labels);
                Assert.Empty(c.Ports);
                Assert.Empty(c.NetworkSettings.Networks);
                Assert.Equal("", c.Name);
            }
        );
    }

    [Fact]
    public async Task An_answer_larger_than_the_limit_is_refused()
    {
        var body = $"{{\"ID\":\"{new string('x', 5000)}\"}}";
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Http(200, body));
        using var client = Connect(new() { MaxResponseBytes = 4096 });
        var e = await Assert.ThrowsAsync<EngineProtocolException>(() => client.System.InfoAsync(Ct));
        Assert.Contains("4096", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_that_never_ends_is_refused_at_the_limit()
    {
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Stream(new byte[100_000]));
        using var client = Connect(new() { MaxStreamLineBytes = 50_000 });
        await Assert.ThrowsAsync<EngineProtocolException>(async () =>
            await client.Events.ReadAsync(new(), Ct).ToListAsync(Ct)
        );
    }

    [Fact]
    public async Task Events_are_read_whole_however_they_are_cut()
    {
        var lines = string.Concat(
            Enumerable
                .Range(0, 500)
                .Select(i =>
                    $$$"""{"Type":"container","Action":"{{{new string('a', i * 7 % 900)}}}","timeNano":{{{i}}}}"""
                    + "\r\n"
                )
        );
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Stream(Encoding.UTF8.GetBytes(lines)));
        using var client = Connect();
        var heard = await client.Events.ReadAsync(new() { Until = clock.GetUtcNow() }, Ct).ToListAsync(Ct);
        Assert.Equal(Enumerable.Range(0, 500).Select(i => (long)i), heard.Select(e => e.TimeNano));
    }

    [Fact]
    public async Task Events_that_end_by_themselves_mean_that_the_engine_goes_away()
    {
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Stream(default));
        using var client = Connect();
        await Assert.ThrowsAsync<EngineUnavailableException>(async () =>
            await client.Events.ReadAsync(new(), Ct).ToListAsync(Ct)
        );
    }

    [Fact]
    public async Task A_frame_larger_than_the_limit_is_refused_before_it_is_read()
    {
        var e = await Assert.ThrowsAsync<EngineProtocolException>(() =>
            ReadExecAsync([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])
        );
        Assert.Contains("4294967295", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_without_frames_is_a_protocol_error() =>
        await Assert.ThrowsAsync<EngineProtocolException>(() => ReadExecAsync("hello, world"u8.ToArray()));

    [Fact]
    public async Task Output_that_ends_within_a_frame_means_that_the_engine_goes_away() =>
        await Assert.ThrowsAsync<EngineUnavailableException>(() => ReadExecAsync([1, 0, 0, 0, 0, 0, 0, 9, 65]));

    [Fact]
    public async Task The_engines_own_words_within_the_output_are_an_error()
    {
        var e = await Assert.ThrowsAsync<DockerEngineException>(() => ReadExecAsync(Frame(3, "disk full"u8)));
        Assert.Equal("disk full", e.Message);
    }

    [Fact]
    public async Task An_error_line_fails_a_load_that_began_well()
    {
        const string lines =
            "{\"stream\":\"Loaded image: a:1\\n\"}\r\n{\"errorDetail\":{\"message\":\"bad\"},\"error\":\"bad\"}\r\n";
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Stream(Encoding.UTF8.GetBytes(lines)));
        using var client = Connect();
        using var archive = new MemoryStream();
        var e = await Assert.ThrowsAsync<DockerEngineException>(() => client.Images.LoadAsync(archive, null, Ct));
        Assert.Equal((HttpStatusCode.OK, "bad"), (e.StatusCode, e.Message));
    }

    [Fact]
    public async Task A_log_line_keeps_its_first_timestamp_over_the_engines_pieces_and_its_characters_over_ours()
    {
        byte[] log =
        [
            .. Frame(1, "2026-01-02T03:04:05.000000001Z abc"u8),
            .. Frame(2, "2026-01-02T03:04:06.000000000Z err\r\n"u8),
            .. Frame(1, "2026-01-02T03:04:07.000000000Z def\u00e9\u20ac\n"u8),
            .. Frame(1, [.. "2026-01-02T03:04:08.000000000Z \n"u8]),
            .. Frame(1, [.. "2026-01-02T03:04:09.000000000Z "u8, 0xff, (byte)'z']),
        ];
        await using var engine = new FaultyEngine(
            SocketPath,
            line =>
                line.Contains("/logs?", StringComparison.Ordinal)
                    ? FaultyEngine.Stream(log)
                    : FaultyEngine.Http(200, "{}")
        );
        using var client = Connect(new() { MaxLogLineBytes = 7 });
        var lines = await client.Containers.LogLinesAsync("x", new(), Ct).ToListAsync(Ct);
        Assert.Equal(
            ["Stderr 6 err ", "Stdout 5 abcdef …", "Stdout 5 \u00e9\u20ac ", "Stdout 8  ", "Stdout 9 \ufffdz "],
            lines.Select(l => $"{l.Stream} {l.Timestamp.Second} {l.Text} {(l.Continues ? "…" : "")}")
        );
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Damaged_bytes_are_never_more_than_an_error_of_ours(int seed)
    {
        var random = new Random(seed);
        byte[] frames =
        [
            .. Frame(1, "2026-01-02T03:04:05.000000001Z abc\n"u8),
            .. Frame(2, "2026-01-02T03:04:05.1Z x\n"u8),
        ];
        var message = Encoding.UTF8.GetBytes(
            """{"Type":"container","Action":"die","Actor":{"ID":"a","Attributes":{"exitCode":"1"}},"timeNano":17}"""
                + "\n"
        );
        var info = Encoding.UTF8.GetBytes("""{"ID":"a","NCPU":2,"LiveRestoreEnabled":true,"Warnings":["x",null]}""");
        await using var engine = new FaultyEngine(
            SocketPath,
            line =>
                FaultyEngine.Stream(
                    line.Contains("/events", StringComparison.Ordinal) ? Damage(message)
                    : line.Contains("/logs", StringComparison.Ordinal) ? Damage(frames)
                    : Damage(info)
                )
        );
        using var client = Connect();
        for (var i = 0; i < 150; i++)
        {
            await ToleratedAsync(() => client.System.InfoAsync(Ct));
            await ToleratedAsync(() => client.Events.ReadAsync(new(), Ct).ToListAsync(Ct).AsTask());
            await ToleratedAsync(() => client.Containers.LogLinesAsync("x", new(), Ct).ToListAsync(Ct).AsTask());
        }

        byte[] Damage(byte[] whole)
        {
            lock (random)
            {
                var bytes = whole.ToArray();
                for (var n = random.Next(4); n >= 0; n--)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                return bytes[..random.Next(bytes.Length + 1)];
            }
        }
    }

    private static async Task ToleratedAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (Exception e) when (e is DockerEngineException or EngineUnavailableException)
        {
            // What a caller is told to expect.
        }
    }

    private async Task ReadExecAsync(byte[] output)
    {
        await using var engine = new FaultyEngine(SocketPath, _ => FaultyEngine.Stream(output));
        using var client = Connect();
        await client.Containers.StartExecAsync("x", Ct).ToListAsync(Ct);
    }

    private static byte[] Frame(byte stream, ReadOnlySpan<byte> data)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        return [stream, 0, 0, 0, .. length, .. data];
    }

    private static Task HeardAsync(FaultyEngine engine, int count) =>
        Eventually.TrueAsync(
            $"{count} requests are heard",
            () =>
            {
                lock (engine.Heard)
                    return engine.Heard.Count >= count;
            },
            Ct
        );

    private DockerEngine Connect(DockerEngineOptions? options = null) =>
        DockerEngine.Connect($"unix://{SocketPath}", clock, options);
}
