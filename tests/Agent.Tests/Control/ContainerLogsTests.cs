using Appliance.Agent.Control;
using Appliance.Agent.Supervision;
using Appliance.Docker;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Control;

/// <summary>On an engine of its own, since one of the tests kills it.</summary>
public sealed class ContainerLogsTests : IAsyncLifetime
{
    private static readonly BusyboxImage Image = BusyboxImage.Build(
        new() { Reference = "test/logs:1", Cmd = ["sleep", "1000"] }
    );

    private readonly FixedSupervisor supervisor = new();
    private PrivateEngine? engine;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private DockerEngine Client => engine!.Client;
    private ContainerLogs Logs => new(Client, supervisor, TimeProvider.System);

    public async ValueTask InitializeAsync()
    {
        engine = await PrivateEngine.StartAsync(Ct);
        await Image.LoadIntoAsync(Client, Ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (engine is not null)
            await engine.DisposeAsync();
    }

    [Fact]
    public async Task The_past_of_several_containers_is_merged_by_time()
    {
        var a = await RunAsync("first", "echo a1; while [ ! -e /go ]; do sleep 0.05; done; echo a2");
        await foreach (var _ in Client.Containers.LogLinesAsync(a, new() { Follow = true }, Ct))
            break;
        var b = await RunAsync("second", "echo b1; sleep 0.2; echo b2 >&2");
        await Client.Containers.WaitAsync(b, WaitCondition.NotRunning, Ct);
        await Client.Containers.ExecAsync(a, new() { Command = ["touch", "/go"] }, 0, Ct);
        await Client.Containers.WaitAsync(a, WaitCondition.NotRunning, Ct);
        supervisor.View = Views.Of(await ServiceAsync("a", a), await ServiceAsync("b", b));

        Assert.Equal(
            ["a1", "b1", "b2", "a2"],
            await PastAsync(new LogRequest(new HashSet<string>(), false, null, null))
        );
        Assert.Equal(["b2"], await PastAsync(new LogRequest(new HashSet<string> { "b" }, false, 1, null)));
        Assert.Empty(await PastAsync(new LogRequest(new HashSet<string>(), false, 0, null)));

        // A time asked for is part of the answer.
        var last = await Logs.ReadAsync(new LogRequest(new HashSet<string> { "b" }, false, 1, null), Ct)
            .SingleAsync(Ct);
        var since = last.Time.ToDateTimeOffset();
        Assert.Equal(["b2", "a2"], await PastAsync(new LogRequest(new HashSet<string>(), false, null, since)));
    }

    [Fact]
    public async Task A_follower_outlives_restarts_of_the_container_its_replacement_and_a_killed_engine()
    {
        const string loop = "i=0; while :; do i=$((i+1)); echo $RUN$i; sleep 0.05; done";
        var first = await RunAsync("web", loop, "RUN=x");
        supervisor.View = Views.Of(await ServiceAsync("web", first));
        await using var lines = Logs.ReadAsync(new LogRequest(new HashSet<string>(), true, null, null), Ct)
            .GetAsyncEnumerator(Ct);
        var seen = new List<string>();
        await ReadUntilAsync(_ => seen.Count >= 10);
        AssertConsecutive(seen, "x", 1);

        // Live-restore: the container writes on while no engine is there.
        await engine!.KillAsync(Ct);
        var before = seen.Count;
        supervisor.View = supervisor.View with { Engine = Views.Reachable with { Reachable = false } };
        await engine.RestartAsync(Ct);
        supervisor.View = Views.Of(await ServiceAsync("web", first));
        await ReadUntilAsync(_ => seen.Count >= before + 10);
        AssertConsecutive(seen, "x", 1);

        // The same container again: it counts anew.
        await Client.Containers.RestartAsync(first, TimeSpan.FromSeconds(0), Ct);
        supervisor.View = Views.Of(await ServiceAsync("web", first));
        await ReadUntilAsync(line => line == "x1");

        var second = await RunAsync("web2", loop, "RUN=y");
        await Client.Containers.RemoveAsync(first, force: true, removeAnonymousVolumes: true, Ct);
        supervisor.View = Views.Of(await ServiceAsync("web", second));
        await ReadUntilAsync(line => line == "y10");
        AssertConsecutive([.. seen.Where(l => l.StartsWith('y'))], "y", 1);

        async Task ReadUntilAsync(Func<string, bool> done)
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
            do
            {
                Assert.True(await lines.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60), Ct));
                seen.Add(lines.Current.Text);
            } while (!done(seen[^1]));
        }
    }

    private static void AssertConsecutive(List<string> lines, string prefix, int from) =>
        Assert.Equal(Enumerable.Range(from, lines.Count).Select(i => $"{prefix}{i}"), lines);

    private async Task<List<string>> PastAsync(LogRequest request) =>
        await Logs.ReadAsync(request, Ct).Select(l => l.Text).ToListAsync(Ct);

    private async Task<string> RunAsync(string name, string script, params string[] environment)
    {
        var spec = new ContainerSpec
        {
            Image = Image.Reference,
            Cmd = ["sh", "-c", script],
            Env = environment,
            HostConfig = new() { NetworkMode = "none" },
        };
        var created = await Client.Containers.CreateAsync(name, spec, Ct);
        await Client.Containers.StartAsync(created.Id, Ct);
        return created.Id;
    }

    private async Task<ServiceView> ServiceAsync(string name, string id)
    {
        var state = (await Client.Containers.InspectAsync(id, Ct)).State;
        var container = new ContainerView(
            id,
            name,
            1,
            state.Running ? "running" : "exited",
            "",
            null,
            state.StartedAt,
            null,
            0,
            false,
            null,
            0,
            "",
            []
        );
        return Views.Service(name, containers: container);
    }
}
