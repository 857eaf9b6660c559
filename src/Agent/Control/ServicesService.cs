using Appliance.Agent.Health;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class ServicesService(
    ISupervisor supervisor,
    IProbeBook probes,
    EventLog events,
    ContainerLogs logs,
    IHostApplicationLifetime lifetime
) : V1.ServicesService.ServicesServiceBase
{
    private const int RecentEvents = 10;
    private const int MaxReason = 1000;

    public override Task<V1.ListServicesResponse> ListServices(
        V1.ListServicesRequest request,
        ServerCallContext context
    ) =>
        Task.FromResult(
            new V1.ListServicesResponse { Services = { supervisor.View.Services.Select(s => s.ToSummary()) } }
        );

    public override Task<V1.ServiceDetail> GetService(V1.GetServiceRequest request, ServerCallContext context) =>
        Task.FromResult(Detail(request.Name));

    public override Task<V1.ServiceDetail> StartService(V1.StartServiceRequest request, ServerCallContext context) =>
        Task.FromResult(Changed(request.Name, supervisor.Start(request.Name, context.GetCaller().Actor)));

    public override Task<V1.ServiceDetail> StopService(V1.StopServiceRequest request, ServerCallContext context) =>
        Task.FromResult(
            Changed(request.Name, supervisor.Stop(request.Name, context.GetCaller().Actor, Checked(request.Reason)))
        );

    public override async Task<V1.ServiceDetail> RestartService(
        V1.RestartServiceRequest request,
        ServerCallContext context
    ) =>
        await supervisor.RestartAsync(
            request.Name,
            context.GetCaller().Actor,
            Checked(request.Reason),
            context.CancellationToken
        ) switch
        {
            RestartOutcome.Restarted => Detail(request.Name),
            RestartOutcome.NotRestarted not => throw Rpc.Error(
                StatusCode.FailedPrecondition,
                $"{request.Name} was not restarted: {not.Why}"
            ),
            _ => throw NoSuch(request.Name),
        };

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
