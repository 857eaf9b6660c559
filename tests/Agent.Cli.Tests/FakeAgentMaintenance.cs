using Appliance.V1;
using Grpc.Core;

namespace Agent.Cli.Tests;

internal sealed partial class FakeAgent
{
    private sealed class MaintenanceAnswers(FakeAgent agent) : MaintenanceService.MaintenanceServiceBase
    {
        public override Task<MaintenanceState> Hold(HoldRequest request, ServerCallContext context)
        {
            agent.Take("Hold", request);
            return Task.FromResult(
                new MaintenanceState { Sentence = "uid:0 (root) holds the appliance for maintenance since yesterday" }
            );
        }

        public override Task<MaintenanceState> Release(ReleaseRequest request, ServerCallContext context)
        {
            agent.Take("Release", request);
            return Task.FromResult(new MaintenanceState { Sentence = "nobody holds the appliance" });
        }
    }
}
