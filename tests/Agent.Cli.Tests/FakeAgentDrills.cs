using Appliance.V1;
using Grpc.Core;

namespace Agent.Cli.Tests;

internal sealed partial class FakeAgent
{
    public DrillReport DrillReport { get; set; } = new();

    private sealed class DrillsAnswers(FakeAgent agent) : DrillsService.DrillsServiceBase
    {
        public override Task<ListDisastersResponse> ListDisasters(
            ListDisastersRequest request,
            ServerCallContext context
        )
        {
            agent.Take("ListDisasters", request);
            return Task.FromResult(
                new ListDisastersResponse
                {
                    Service = "web",
                    Disasters =
                    {
                        new Disaster { Name = "kill-service", What = "kills the process of a container" },
                        new Disaster
                        {
                            Name = "kill-agent",
                            What = "kills the agent itself",
                            WhyNot = "nothing here would start it again",
                        },
                    },
                }
            );
        }

        public override Task<Operation> StartDrill(StartDrillRequest request, ServerCallContext context)
        {
            agent.Take("StartDrill", request);
            return Task.FromResult(agent.Started);
        }

        public override Task<DrillReport> GetDrillReport(GetDrillReportRequest request, ServerCallContext context)
        {
            agent.Take("GetDrillReport", request);
            return Task.FromResult(agent.DrillReport);
        }
    }
}
