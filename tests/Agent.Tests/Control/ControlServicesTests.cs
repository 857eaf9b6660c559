using Appliance.Agent.Control;
using Appliance.Agent.Tests.Storage;
using Grpc.Core;
using Grpc.Health.V1;

namespace Appliance.Agent.Tests.Control;

public sealed class ControlServicesTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Status_shows_the_supervisors_view()
    {
        await using var host = await ControlHost.StartAsync();
        host.Supervisor.View = Views.Of(
            Views.Service("web", Appliance.Agent.Supervision.ServiceState.BackingOff, ready: 0)
        );
        var client = new V1.StatusService.StatusServiceClient(host.Channel(Identity.Root));
        var status = await client.GetStatusAsync(new V1.GetStatusRequest(), cancellationToken: Ct);
        Assert.Equal(Appliance.V1.Health.Failed, status.Health);
        Assert.Equal(["web: It says why."], status.Problems);
        Assert.Equal(("demo", "1.0"), (status.Release.Product, status.Release.Version));
        Assert.True(status.Engine.Reachable);
        Assert.NotEmpty(status.Agent.Version);
        Assert.Equal(Appliance.V1.ServiceState.BackingOff, status.Services.Single().State);
    }

    [Fact]
    public void Every_state_of_a_service_has_its_message()
    {
        foreach (var state in Enum.GetValues<Appliance.Agent.Supervision.ServiceState>())
            // Why it waits, its explanation says.
            Assert.Equal(
                state is Agent.Supervision.ServiceState.KeptStill ? "Waiting" : state.ToString(),
                state.ToMessage().ToString()
            );
    }

    [Fact]
    public async Task Events_are_streamed_from_an_id_on_then_followed()
    {
        await using var host = await ControlHost.StartAsync();
        for (var i = 1; i <= 5; i++)
            host.Events.Append(Samples.Event($"{i}", i == 3 ? "db" : "web"));
        var client = new V1.EventsService.EventsServiceClient(host.Channel(Identity.Root));

        Assert.Equal(["1", "2", "3", "4", "5"], await AllAsync(client, new V1.StreamEventsRequest()));
        Assert.Equal(["4", "5"], await AllAsync(client, new V1.StreamEventsRequest { AfterId = 3 }));
        Assert.Equal(["5"], await AllAsync(client, new V1.StreamEventsRequest { AfterId = 3, Tail = 1 }));
        Assert.Equal(["5"], await AllAsync(client, new V1.StreamEventsRequest { AfterId = 4, Tail = 3 }));
        Assert.Equal(["3"], await AllAsync(client, new V1.StreamEventsRequest { Service = "db" }));
        Assert.Empty(await AllAsync(client, new V1.StreamEventsRequest { Tail = 0 }));

        using var follow = client.StreamEvents(
            new V1.StreamEventsRequest { Follow = true, Tail = 1 },
            cancellationToken: Ct
        );
        Assert.True(await follow.ResponseStream.MoveNext(Ct));
        Assert.Equal("5", follow.ResponseStream.Current.Found);
        host.Events.Append(Samples.Event("6"));
        Assert.True(await follow.ResponseStream.MoveNext(Ct));
        Assert.Equal(("6", 6), (follow.ResponseStream.Current.Found, follow.ResponseStream.Current.Id));
    }

    [Fact]
    public async Task The_audit_trail_is_listed_and_verified()
    {
        await using var host = await ControlHost.StartAsync();
        for (var i = 0; i < 4; i++)
            host.Audit.Append(Samples.Audit($"{i}"));
        var client = new V1.AuditService.AuditServiceClient(host.Channel(Identity.Root));
        using var list = client.ListAudit(new V1.ListAuditRequest { Tail = 2 }, cancellationToken: Ct);
        var details = new List<string>();
        while (await list.ResponseStream.MoveNext(Ct))
            details.Add(list.ResponseStream.Current.Detail);
        Assert.Equal(["2", "3"], details);
        var verdict = await client.VerifyAuditAsync(new V1.VerifyAuditRequest(), cancellationToken: Ct);
        Assert.Equal((true, 4, 0), (verdict.Intact, verdict.Records, verdict.FirstBrokenId));
    }

    [Fact]
    public async Task A_wrong_request_is_refused_with_a_reason()
    {
        await using var host = await ControlHost.StartAsync();
        var channel = host.Channel(Identity.Root);
        var services = new V1.ServicesService.ServicesServiceClient(channel);
        await RefusedAsync(
            StatusCode.InvalidArgument,
            async () =>
                await services.StopServiceAsync(
                    new V1.StopServiceRequest { Name = "web", Reason = new string('x', 2000) },
                    cancellationToken: Ct
                )
        );
        await RefusedAsync(
            StatusCode.NotFound,
            async () => await services.GetServiceAsync(new V1.GetServiceRequest { Name = "db" }, cancellationToken: Ct)
        );
        await RefusedAsync(
            StatusCode.NotFound,
            async () =>
            {
                using var logs = services.StreamLogs(
                    new V1.StreamLogsRequest { Services = { "db" } },
                    cancellationToken: Ct
                );
                await logs.ResponseStream.MoveNext(Ct);
            }
        );
        await RefusedAsync(
            StatusCode.InvalidArgument,
            async () =>
            {
                using var logs = services.StreamLogs(new V1.StreamLogsRequest { Tail = -1 }, cancellationToken: Ct);
                await logs.ResponseStream.MoveNext(Ct);
            }
        );
        Assert.Empty(host.Supervisor.Asked);
    }

    [Fact]
    public async Task A_start_or_stop_is_answered_with_the_state_after_it()
    {
        await using var host = await ControlHost.StartAsync();
        var services = new V1.ServicesService.ServicesServiceClient(host.Channel(Identity.Root));
        var stopped = await services.StopServiceAsync(
            new V1.StopServiceRequest { Name = "web" },
            cancellationToken: Ct
        );
        Assert.Equal(Appliance.V1.ServiceState.Stopping, stopped.Summary.State);
        var started = await services.StartServiceAsync(
            new V1.StartServiceRequest { Name = "web" },
            cancellationToken: Ct
        );
        Assert.Equal(Appliance.V1.ServiceState.Starting, started.Summary.State);
    }

    [Fact]
    public async Task A_follower_knows_that_it_is_heard_before_there_is_anything_to_read()
    {
        await using var host = await ControlHost.StartAsync();
        var channel = host.Channel(Identity.Root);
        using var events = new V1.EventsService.EventsServiceClient(channel).StreamEvents(
            new V1.StreamEventsRequest { Follow = true },
            cancellationToken: Ct
        );
        await events.ResponseHeadersAsync.WaitAsync(TimeSpan.FromSeconds(10), Ct);
        using var logs = new V1.ServicesService.ServicesServiceClient(channel).StreamLogs(
            new V1.StreamLogsRequest { Follow = true },
            cancellationToken: Ct
        );
        await logs.ResponseHeadersAsync.WaitAsync(TimeSpan.FromSeconds(10), Ct);
    }

    [Fact]
    public async Task A_name_that_does_not_exist_is_not_repeated_at_any_length()
    {
        await using var host = await ControlHost.StartAsync();
        var services = new V1.ServicesService.ServicesServiceClient(host.Channel(Identity.Root));
        var refused = await Assert.ThrowsAsync<RpcException>(async () =>
            await services.StopServiceAsync(
                new V1.StopServiceRequest { Name = new string('x', 10_000) },
                cancellationToken: Ct
            )
        );
        Assert.Equal(StatusCode.NotFound, refused.StatusCode);
        Assert.InRange(refused.Status.Detail.Length, 256, 400);
        Assert.All(host.Audit.List(null), e => Assert.InRange(e.Detail.Length, 0, 1024));
        await RefusedAsync(
            StatusCode.ResourceExhausted,
            async () =>
                await services.GetServiceAsync(
                    new V1.GetServiceRequest { Name = new string('x', 70_000) },
                    cancellationToken: Ct
                )
        );
    }

    [Fact]
    public async Task Followers_end_at_once_when_the_agent_stops()
    {
        var host = await ControlHost.StartAsync();
        var client = new V1.EventsService.EventsServiceClient(host.Channel(Identity.Root));
        host.Events.Append(Samples.Event("1"));
        using var follow = client.StreamEvents(new V1.StreamEventsRequest { Follow = true }, cancellationToken: Ct);
        Assert.True(await follow.ResponseStream.MoveNext(Ct));
        var next = follow.ResponseStream.MoveNext(Ct);
        var began = TimeProvider.System.GetTimestamp();
        await host.App.StopAsync(Ct);
        var ended = await Assert.ThrowsAsync<RpcException>(() => next);
        Assert.Equal(StatusCode.Unavailable, ended.StatusCode);
        Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(5), "it waited for the follower");
        await host.DisposeAsync();
    }

    [Fact]
    public async Task The_standard_health_service_follows_the_view()
    {
        await using var host = await ControlHost.StartAsync();
        var client = new Grpc.Health.V1.Health.HealthClient(host.Channel(new Identity(65534, 65534)));
        using var watch = client.Watch(new HealthCheckRequest { Service = "" }, cancellationToken: Ct);
        await UntilAsync(watch, HealthCheckResponse.Types.ServingStatus.Serving);

        host.Supervisor.View = Views.Of() with { Engine = Views.Reachable with { Reachable = false, Error = "gone" } };
        await UntilAsync(watch, HealthCheckResponse.Types.ServingStatus.NotServing);
        Assert.Equal("NotServing", await CheckAsync("engine"));
        Assert.Equal("Serving", await CheckAsync("agent"));
        Assert.Equal("Serving", await CheckAsync("application"));

        async Task<string> CheckAsync(string name) =>
            (
                await client.CheckAsync(new HealthCheckRequest { Service = name }, cancellationToken: Ct)
            ).Status.ToString();

        async Task UntilAsync(
            AsyncServerStreamingCall<HealthCheckResponse> call,
            HealthCheckResponse.Types.ServingStatus wanted
        )
        {
            while (await call.ResponseStream.MoveNext(Ct) && call.ResponseStream.Current.Status != wanted) { }
            Assert.Equal(wanted, call.ResponseStream.Current.Status);
        }
    }

    private static async Task<List<string>> AllAsync(
        V1.EventsService.EventsServiceClient client,
        V1.StreamEventsRequest request
    )
    {
        using var call = client.StreamEvents(request, cancellationToken: Ct);
        var found = new List<string>();
        while (await call.ResponseStream.MoveNext(Ct))
            found.Add(call.ResponseStream.Current.Found);
        return found;
    }

    private static async Task RefusedAsync(StatusCode code, Func<Task> call) =>
        Assert.Equal(code, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}
