using Appliance.Agent.Drills;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class DrillsService(
    Driller driller,
    Catalogue catalogue,
    Targets targets,
    DrillJournal journal,
    ISupervisor supervisor
) : V1.DrillsService.DrillsServiceBase
{
    private static readonly TimeSpan UsualWindow = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LeastWindow = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestWindow = TimeSpan.FromHours(4);

    public override async Task<V1.ListDisastersResponse> ListDisasters(
        V1.ListDisastersRequest request,
        ServerCallContext context
    )
    {
        var service = request.Service.Length > 0 ? Existing(request.Service) : targets.DefaultService;
        var target = service is null ? null : await targets.FindAsync(service, 0, context.CancellationToken);
        var answer = new V1.ListDisastersResponse { Service = service ?? "" };
        foreach (var disaster in catalogue.All)
            answer.Disasters.Add(
                new V1.Disaster
                {
                    Name = disaster.Name,
                    What = disaster.What,
                    WhyNot = target is null
                        ? "nothing runs that could be drilled"
                        : await disaster.WhyNotAsync(target, context.CancellationToken) ?? "",
                }
            );
        return answer;
    }

    public override async Task<V1.Operation> StartDrill(V1.StartDrillRequest request, ServerCallContext context)
    {
        var window = WindowOf(request.Window);
        foreach (var name in request.Names.Where(n => catalogue.Find(n) is null))
            throw Rpc.NoSuch("disaster", name, catalogue.All.Select(d => d.Name));
        var drill = await driller.StartAsync(
            new DrillRequest(
                request.Names,
                request.Service.Length > 0 ? Existing(request.Service) : null,
                window,
                request.Short,
                context.GetCaller().Actor
            ),
            context.CancellationToken
        );
        return drill.ToMessage(journal.Disasters(drill.Id));
    }

    public override Task<V1.DrillReport> GetDrillReport(V1.GetDrillReportRequest request, ServerCallContext context)
    {
        var drill =
            (
                request.Id.Length > 0 ? journal.Named(request.Id)
                : journal.Newest(1) is [var newest] ? newest
                : null
            ) ?? throw Rpc.Error(StatusCode.NotFound, "no such drill; `appliancectl operations list` shows them");
        var disasters = journal.Disasters(drill.Id);
        return Task.FromResult(
            new V1.DrillReport
            {
                Operation = drill.ToMessage(disasters),
                Short = drill.IsShort,
                Until = drill.Until.ToTimestamp(),
                AgentVersion = CommandLine.Version,
                EngineVersion = supervisor.View.Engine.Version,
                Disasters = { disasters.Select(d => d.ToMessage()) },
            }
        );
    }

    private string Existing(string service) =>
        supervisor.View.Service(service)?.Name
        ?? throw Rpc.NoSuchService(service, supervisor.View.Services.Select(s => s.Name));

    private static TimeSpan WindowOf(Google.Protobuf.WellKnownTypes.Duration? asked)
    {
        try
        {
            var window = asked?.ToTimeSpan() ?? UsualWindow;
            if (window >= LeastWindow && window <= LongestWindow)
                return window;
        }
        catch (Exception e) when (e is InvalidOperationException or OverflowException) { }
        throw Rpc.Error(
            StatusCode.InvalidArgument,
            $"window must be from {LeastWindow.TotalSeconds} s to {LongestWindow.TotalHours} h"
        );
    }
}
