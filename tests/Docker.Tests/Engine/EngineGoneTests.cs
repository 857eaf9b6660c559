using Appliance.Testing;

namespace Appliance.Docker.Tests.Engine;

/// <summary>Engines that are killed: each test has its own.</summary>
public sealed class EngineGoneTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_live_restore_a_killed_engine_leaves_its_containers_running_and_the_client_goes_on()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        var client = engine.Client;
        var id = await StartBoxAsync(client);
        var before = await client.Containers.InspectAsync(id, Ct);

        await using var events = await client.Events.OpenAsync(new(), Ct);
        await using var hearing = events.GetAsyncEnumerator(Ct);
        var next = hearing.MoveNextAsync();
        var waiting = client.Containers.WaitAsync(id, WaitCondition.NotRunning, Ct);
        await using var log = client.Containers.LogLinesAsync(id, new() { Follow = true }, Ct).GetAsyncEnumerator(Ct);
        Assert.True(await log.MoveNextAsync());
        var line = log.MoveNextAsync();

        await engine.KillAsync(Ct);
        await Assert.ThrowsAsync<EngineUnavailableException>(async () => await next);
        await Assert.ThrowsAsync<EngineUnavailableException>(() => waiting);
        await Assert.ThrowsAsync<EngineUnavailableException>(async () => await line);
        await Assert.ThrowsAsync<EngineUnavailableException>(() => client.Containers.InspectAsync(id, Ct));

        await engine.RestartAsync(Ct);
        var after = await client.Containers.InspectAsync(id, Ct);
        Assert.Equal(before.State.StartedAt, after.State.StartedAt);
        Assert.Equal(before.State.Pid, after.State.Pid);
        Assert.True(after.State.Running);
    }

    [Fact]
    public async Task Without_live_restore_the_containers_die_with_it()
    {
        await using var engine = await PrivateEngine.StartAsync(liveRestore: false, Ct);
        var id = await StartBoxAsync(engine.Client);
        await engine.KillAsync(Ct);
        await engine.RestartAsync(Ct);
        Assert.False((await engine.Client.Containers.InspectAsync(id, Ct)).State.Running);
    }

    [Fact]
    public async Task An_engine_that_shuts_down_ends_its_events()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var events = await engine.Client.Events.OpenAsync(new(), Ct);
        await using var hearing = events.GetAsyncEnumerator(Ct);
        var next = hearing.MoveNextAsync();
        await engine.StopAsync(Ct);
        await Assert.ThrowsAsync<EngineUnavailableException>(async () => await next);
        await engine.RestartAsync(Ct);
        await engine.Client.System.PingAsync(Ct);
    }

    private static async Task<string> StartBoxAsync(DockerEngine client)
    {
        await SharedEngine.Image.LoadIntoAsync(client, Ct);
        var created = await client.Containers.CreateAsync(
            "box",
            new()
            {
                Image = SharedEngine.Image.Reference,
                Cmd = ["sh", "-c", "echo up; sleep 1000"],
                HostConfig = new() { NetworkMode = "none" },
            },
            Ct
        );
        await client.Containers.StartAsync(created.Id, Ct);
        return created.Id;
    }
}
