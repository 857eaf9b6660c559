using System.Text;

namespace Appliance.Docker.Tests.Containers;

public sealed class LogTests(SharedEngine shared) : EngineTest(shared)
{
    [Fact]
    public async Task Both_streams_are_told_apart()
    {
        var id = await RunToEndAsync("sh", "-c", "echo one; echo two >&2; printf three");
        var lines = await LinesAsync(id, new());
        Assert.Equal(["one", "three"], lines.Where(l => l.Stream == OutputSource.Stdout).Select(l => l.Text));
        Assert.Equal(["two"], lines.Where(l => l.Stream == OutputSource.Stderr).Select(l => l.Text));
        Assert.All(lines, line => Assert.True(line.Timestamp.Year >= 2026));
        Assert.Equal(["two"], (await LinesAsync(id, new() { Stdout = false })).Select(l => l.Text));
    }

    [Fact]
    public async Task Bytes_come_as_they_were_written()
    {
        var id = await RunToEndAsync("sh", "-c", "printf '\\000\\377a\\n'");
        var bytes = new List<byte>();
        await foreach (var frame in Client.Containers.LogsAsync(id, new(), Ct))
            bytes.AddRange(frame.Data.Span);
        // What is no UTF-8 the engine's json-file driver has replaced already.
        Assert.Equal("\0\ufffda\n", Encoding.UTF8.GetString([.. bytes]));
    }

    [Fact]
    public async Task Following_hears_each_line_when_it_is_written_and_ends_with_the_container()
    {
        var id = await StartAsync(
            Box("sh", "-c", "echo first; while [ ! -e /go ]; do sleep 0.05; done; echo last >&2")
        );
        var seen = new List<string>();
        await foreach (var line in Client.Containers.LogLinesAsync(id, new() { Follow = true }, Ct))
        {
            seen.Add($"{line.Stream}: {line.Text}");
            if (seen.Count == 1)
                await Client.Containers.ExecAsync(id, new() { Command = ["touch", "/go"] }, 0, Ct);
        }
        Assert.Equal(["Stdout: first", "Stderr: last"], seen);
    }

    [Fact]
    public async Task Long_lines_are_whole_up_to_the_limit_and_pieces_beyond()
    {
        // 50,000 is longer than the engine's own pieces, 150,000 than our limit.
        var id = await RunToEndAsync(
            "sh",
            "-c",
            "for n in 50000 150000; do dd if=/dev/zero bs=$n count=1 2>/dev/null | tr '\\000' x; echo; done"
        );
        var lines = await LinesAsync(id, new());
        Assert.Equal([50000, 65536, 65536, 150000 - (2 * 65536)], lines.Select(l => l.Text.Length));
        Assert.Equal([false, true, true, false], lines.Select(l => l.Continues));
        Assert.All(lines, line => Assert.Equal("", line.Text.Trim('x')));
    }

    [Fact]
    public async Task A_big_log_arrives_whole_and_its_tail_alone_when_asked_for()
    {
        var id = await RunToEndAsync("sh", "-c", "seq 1 20000");
        var all = await LinesAsync(id, new());
        Assert.Equal(20000, all.Count);
        Assert.Equal("20000", all[^1].Text);
        Assert.Equal(["19999", "20000"], (await LinesAsync(id, new() { Tail = 2 })).Select(l => l.Text));
        Assert.Empty(await LinesAsync(id, new() { Since = all[^1].Timestamp.AddSeconds(1) }));
        Assert.NotEmpty(await LinesAsync(id, new() { Since = all[^1].Timestamp }));
    }

    [Fact]
    public async Task A_terminals_output_has_no_frames()
    {
        var id = await StartAsync(Box("sh", "-c", "echo one; echo two") with { Tty = true });
        await Client.Containers.WaitAsync(id, WaitCondition.NotRunning, Ct);
        var lines = await LinesAsync(id, new());
        Assert.Equal(["one", "two"], lines.Select(l => l.Text));
        Assert.All(lines, line => Assert.True(line.Timestamp.Year >= 2026));
    }

    [Fact]
    public async Task A_log_of_no_container_is_not_found() =>
        await Assert.ThrowsAsync<EngineNotFoundException>(() => LinesAsync(Run, new()));

    [Fact]
    public async Task A_follower_can_be_cancelled()
    {
        var id = await StartAsync(Box());
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        await using var lines = Client
            .Containers.LogLinesAsync(id, new() { Follow = true }, cancel.Token)
            .GetAsyncEnumerator(cancel.Token);
        var next = lines.MoveNextAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
    }

    private async Task<List<LogLine>> LinesAsync(string id, LogQuery query) =>
        await Client.Containers.LogLinesAsync(id, query, Ct).ToListAsync(Ct);
}
