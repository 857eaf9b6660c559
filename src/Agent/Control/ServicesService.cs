using Appliance.Agent.Healing;
using Appliance.Agent.Health;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class ServicesService(
    ISupervisor supervisor,
    Arbiter arbiter,
    IProbeBook probes,
    EventLog events,
    ContainerLogs logs,
    IHostApplicationLifetime lifetime,
    TimeProvider clock
) : V1.ServicesService.ServicesServiceBase
{
    private const int RecentEvents = 10;
    private const int MaxReason = 1000;

    /// <summary>For supervision to take up a wish; what it then takes to fulfil it is not waited for.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public override Task<V1.ListServicesResponse> ListServices(
        V1.ListServicesRequest request,
        ServerCallContext context
    ) =>
        Task.FromResult(
            new V1.ListServicesResponse { Services = { supervisor.View.Services.Select(s => s.ToSummary()) } }
        );

    public override Task<V1.ServiceDetail> GetService(V1.GetServiceRequest request, ServerCallContext context) =>
        Task.FromResult(Detail(request.Name));

    public override async Task<V1.ServiceDetail> StartService(V1.StartServiceRequest request, ServerCallContext context)
    {
        var found = supervisor.Start(request.Name, context.GetCaller().Actor);
        if (found)
            await WaitUntilAsync(request.Name, state => !IsHeldBack(state), context.CancellationToken);
        return Changed(request.Name, found);
    }

    public override async Task<V1.ServiceDetail> StopService(V1.StopServiceRequest request, ServerCallContext context)
    {
        var found = supervisor.Stop(request.Name, context.GetCaller().Actor, Checked(request.Reason));
        if (found)
            await WaitUntilAsync(request.Name, IsHeldBack, context.CancellationToken);
        return Changed(request.Name, found);
    }

    public override Task<V1.ServiceDetail> RestartService(
        V1.RestartServiceRequest request,
        ServerCallContext context
    ) => AskAsync(HealingAction.Restart, request.Name, request.Reason, "restarted", context);

    public override Task<V1.ServiceDetail> RecreateService(
        V1.RecreateServiceRequest request,
        ServerCallContext context
    ) => AskAsync(HealingAction.Recreate, request.Name, request.Reason, "made anew", context);

    public override async Task StreamLogs(
        V1.StreamLogsRequest request,
        IServerStreamWriter<V1.LogLine> responseStream,
        ServerCallContext context
    )
    {
        if (request.HasTail && request.Tail < 0)
            throw Rpc.Error(StatusCode.InvalidArgument, "tail must not be negative");
        foreach (var name in request.Services)
            _ = Existing(name);

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(
            context.CancellationToken,
            lifetime.ApplicationStopping
        );
        // A follower learns at once that it is heard, not only with the first line.
        await context.WriteResponseHeadersAsync([]);
        var asked = new LogRequest(
            request.Services.ToHashSet(),
            request.Follow,
            request.HasTail ? request.Tail : null,
            request.Since?.ToDateTimeOffset()
        );
        // A client that does not read stops this loop, and with it the reading from the engine.
        await foreach (var line in logs.ReadAsync(asked, ending.Token))
            await responseStream.WriteAsync(line, ending.Token);
    }

    private static bool IsHeldBack(ServiceState state) => state is ServiceState.Stopped or ServiceState.Stopping;

    // The wish is durable and holds by now: this is only for an answer that no longer shows the state before it, and
    // nothing that ends the wait early makes the call fail.
    private async Task WaitUntilAsync(string service, Func<ServiceState, bool> shown, CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(Patience, clock);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(
            patience.Token,
            lifetime.ApplicationStopping,
            ct
        );
        var view = supervisor.View;
        while (view.Service(service) is { } seen && !shown(seen.State) && !ending.IsCancellationRequested)
        {
            await supervisor
                .WaitForChangeAsync(view, ending.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            view = supervisor.View;
        }
    }

    /// <summary>A person's wish is done by whoever does all that is done for the health of a service, and not beside it.</summary>
    private async Task<V1.ServiceDetail> AskAsync(
        HealingAction action,
        string name,
        string reason,
        string done,
        ServerCallContext context
    )
    {
        _ = Existing(name);
        var request = new HealingRequest(action, name, context.GetCaller().Actor, Checked(reason))
        {
            IsPersonal = true,
        };
        return await arbiter.AskAsync(request, context.CancellationToken) is HealingOutcome.Refused refused
            ? throw Rpc.Error(StatusCode.FailedPrecondition, $"{name} was not {done}: {refused.Why}")
            : Detail(name);
    }

    private V1.ServiceDetail Changed(string name, bool found) => found ? Detail(name) : throw NoSuch(name);

    private V1.ServiceDetail Detail(string name) =>
        Existing(name).ToDetail(probes.Of(name), events.Tail(RecentEvents, name));

    private ServiceView Existing(string name) => supervisor.View.Service(name) ?? throw NoSuch(name);

    private RpcException NoSuch(string name) => Rpc.NoSuchService(name, supervisor.View.Services.Select(s => s.Name));

    private static string Checked(string reason) =>
        reason.Length <= MaxReason
            ? reason
            : throw Rpc.Error(StatusCode.InvalidArgument, $"reason is longer than {MaxReason} characters");
}
