using Appliance.V1;
using Grpc.Core;

namespace Agent.Cli.Tests;

internal sealed partial class FakeAgent
{
    public ListAlertsResponse Alerts { get; set; } = new();

    /// <summary>Whether a rule that is made was there before.</summary>
    public bool ReplacesRule { get; set; }

    public TestAlertResponse AlertTest { get; set; } = new();

    public List<Token> Tokens { get; } = [];

    private sealed class AlertsAnswers(FakeAgent agent) : AlertsService.AlertsServiceBase
    {
        public override Task<ListAlertsResponse> ListAlerts(ListAlertsRequest request, ServerCallContext context)
        {
            agent.Take("ListAlerts", request);
            return Task.FromResult(agent.Alerts);
        }

        public override Task<MapAlertResponse> MapAlert(MapAlertRequest request, ServerCallContext context)
        {
            agent.Take("MapAlert", request);
            var rule = request.Rule.Clone();
            rule.CoolDown ??= new() { Seconds = 600 };
            return Task.FromResult(new MapAlertResponse { Rule = rule, Replaced = agent.ReplacesRule });
        }

        public override Task<UnmapAlertResponse> UnmapAlert(UnmapAlertRequest request, ServerCallContext context)
        {
            agent.Take("UnmapAlert", request);
            return Task.FromResult(new UnmapAlertResponse());
        }

        public override Task<TestAlertResponse> TestAlert(TestAlertRequest request, ServerCallContext context)
        {
            agent.Take("TestAlert", request);
            return Task.FromResult(agent.AlertTest);
        }
    }

    private sealed class IdentityAnswers(FakeAgent agent) : IdentityService.IdentityServiceBase
    {
        public override Task<CreateTokenResponse> CreateToken(CreateTokenRequest request, ServerCallContext context)
        {
            agent.Take("CreateToken", request);
            return Task.FromResult(
                new CreateTokenResponse
                {
                    Token = new() { Name = request.Name, Role = request.Role },
                    Secret = "appliance_wh_secret",
                }
            );
        }

        public override Task<ListTokensResponse> ListTokens(ListTokensRequest request, ServerCallContext context)
        {
            agent.Take("ListTokens", request);
            return Task.FromResult(new ListTokensResponse { Tokens = { agent.Tokens } });
        }

        public override Task<RevokeTokenResponse> RevokeToken(RevokeTokenRequest request, ServerCallContext context)
        {
            agent.Take("RevokeToken", request);
            return Task.FromResult(new RevokeTokenResponse());
        }
    }
}
