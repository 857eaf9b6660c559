namespace Appliance.Docker.Tests.Engine;

public sealed class EventTests(SharedEngine shared) : EngineTest(shared)
{
    [Fact]
    public async Task A_containers_life_is_heard_in_order()
    {
        await using var events = await OpenAsync(new() { Labels = [Label], Types = [EventType.Container] });
        var id = await StartAsync(Box("sh", "-c", "exit 5"));
        await Client.Containers.WaitAsync(id, WaitCondition.NotRunning, Ct);
        await Client.Containers.RemoveAsync(id, force: true, removeAnonymousVolumes: true, Ct);

        var heard = await TakeUntilAsync(events, e => e.Action == EventActions.Destroy);
        Assert.Equal(["create", "start", "die", "destroy"], heard.Select(e => e.Action));
        Assert.All(heard, e => Assert.Equal((EventType.Container, id), (e.Type, e.ActorId)));
        Assert.Equal("5", heard[2].Attributes["exitCode"]);
        Assert.Equal(Run, heard[2].Attributes[Marker]);
        Assert.Equal(Run, heard[2].Attributes["name"]);
        Assert.Equal(heard.Select(e => e.TimeNano).Order(), heard.Select(e => e.TimeNano));
        Assert.True(heard[0].Time.Year >= 2026);
    }

    [Fact]
    public async Task A_health_check_and_a_command_are_split_from_their_detail()
    {
        await using var events = await OpenAsync(new() { Labels = [Label] });
        await StartAsync(
            Box() with
            {
                Healthcheck = new()
                {
                    Test = ["CMD-SHELL", "echo a: b"],
                    Interval = TimeSpan.FromMilliseconds(50),
                    Timeout = TimeSpan.FromSeconds(5),
                },
            }
        );
        var heard = await TakeUntilAsync(events, e => e.Action == EventActions.HealthStatus);
        Assert.Equal(HealthStatus.Healthy, heard[^1].Health);
        Assert.Equal("healthy", heard[^1].Detail);
        var command = heard.First(e => e.Action == "exec_start");
        Assert.EndsWith("echo a: b", command.Detail, StringComparison.Ordinal);
        Assert.Null(command.Health);
    }

    [Fact]
    public async Task Networks_volumes_and_images_are_heard_too()
    {
        await using var events = await OpenAsync(
            new()
            {
                Types = [EventType.Network, EventType.Volume, EventType.Image],
                Actions = ["create", "destroy", "tag", "untag"],
            }
        );
        var network = await Client.Networks.CreateAsync(new() { Name = Run }, Ct);
        await Client.Networks.RemoveAsync(network, Ct);
        await Client.Volumes.CreateAsync(new() { Name = Run }, Ct);
        await Client.Volumes.RemoveAsync(Run, force: false, Ct);
        await Client.Images.TagAsync(SharedEngine.Image.Id, Run, "x", Ct);
        await Client.Images.RemoveAsync($"{Run}:x", force: false, Ct);

        var heard = await TakeUntilAsync(events, e => e.Action == EventActions.Untag);
        Assert.Contains(heard, e => e is { Type: EventType.Network, Action: "create" } && e.ActorId == network);
        Assert.Contains(heard, e => e is { Type: EventType.Network, Action: "destroy" } && e.ActorId == network);
        Assert.Contains(heard, e => e is { Type: EventType.Volume, Action: "create" } && e.ActorId == Run);
        Assert.Contains(heard, e => e is { Type: EventType.Image, Action: "untag" });
    }

    [Fact]
    public async Task The_past_is_told_from_since_until()
    {
        await using var first = await OpenAsync(new() { Labels = [Label] });
        var id = await CreateAsync(Box());
        var created = (await TakeUntilAsync(first, e => e.Action == EventActions.Create))[^1];
        await Client.Containers.RemoveAsync(id, force: true, removeAnonymousVolumes: true, Ct);
        var destroyed = (await TakeUntilAsync(first, e => e.Action == EventActions.Destroy))[^1];

        var query = new EventQuery
        {
            Labels = [Label],
            Since = created.Time,
            Until = destroyed.Time.AddMilliseconds(1),
        };
        var told = await Client.Events.ReadAsync(query, Ct).Select(e => e.TimeNano).ToListAsync(Ct);
        Assert.Equal([created.TimeNano, destroyed.TimeNano], told);
    }

    [Fact]
    public async Task Listening_can_be_cancelled()
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        await using var events = await OpenAsync(new() { Labels = [Label] });
        await using var reading = events.GetAsyncEnumerator(cancel.Token);
        var next = reading.MoveNextAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
    }

    private Task<EngineEventSubscription> OpenAsync(EventQuery query) => Client.Events.OpenAsync(query, Ct);

    private static async Task<List<EngineEvent>> TakeUntilAsync(
        EngineEventSubscription events,
        Predicate<EngineEvent> last
    )
    {
        var heard = new List<EngineEvent>();
        await foreach (var e in events.WithCancellation(Ct))
        {
            heard.Add(e);
            if (last(e))
                break;
        }
        return heard;
    }
}
