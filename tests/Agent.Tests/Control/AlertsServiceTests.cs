using Appliance.Agent.Storage;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using AlertAction = Appliance.V1.AlertAction;
using AlertRule = Appliance.V1.AlertRule;
using AlertState = Appliance.V1.AlertState;

namespace Appliance.Agent.Tests.Control;

/// <summary>Rules and tokens, as an administrator makes them.</summary>
public sealed class AlertsServiceTests
{
    private static readonly AlertRule Sample = new()
    {
        Name = "web-down",
        Matchers = { ["alertname"] = "WebDown" },
        Action = AlertAction.Restart,
        Service = "web",
    };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_rule_is_made_listed_tried_and_taken_away()
    {
        await using var host = await ControlHost.StartAsync();
        var alerts = new V1.AlertsService.AlertsServiceClient(host.Channel(Identity.Root));
        var made = await alerts.MapAlertAsync(new MapAlertRequest { Rule = Sample }, cancellationToken: Ct);
        Assert.Equal((600, false), (made.Rule.CoolDown.Seconds, made.Replaced));
        var last = Sample.Clone();
        (last.Name, last.DryRun, last.CoolDown) = ("trial", true, Duration.FromTimeSpan(TimeSpan.FromSeconds(5)));
        await alerts.MapAlertAsync(new MapAlertRequest { Rule = last }, cancellationToken: Ct);

        var test = await alerts.TestAlertAsync(
            new TestAlertRequest { Labels = { ["alertname"] = "WebDown", ["x"] = "y" } },
            cancellationToken: Ct
        );
        Assert.Equal((AlertState.Queued, "web-down"), (test.State, test.Rule.Name));
        Assert.Equal(["trial"], test.Also);
        var none = await alerts.TestAlertAsync(new TestAlertRequest(), cancellationToken: Ct);
        Assert.Equal((AlertState.Unmatched, null), (none.State, none.Rule));

        var journal = (AlertJournal)host.App.Services.GetService(typeof(AlertJournal))!;
        journal.Take(
            [
                new NewAlert(
                    "webhook:am",
                    "grafana",
                    "1",
                    DateTimeOffset.MinValue,
                    IsResolved: true,
                    new Dictionary<string, string> { ["alertname"] = "WebDown" }
                ),
            ],
            (_, _) => new AlertVerdict(Appliance.Agent.Storage.AlertState.Resolved, "over")
        );
        var list = await alerts.ListAlertsAsync(new ListAlertsRequest(), cancellationToken: Ct);
        Assert.Equal([made.Rule.Name, "trial"], list.Rules.Select(r => r.Name));
        var alert = Assert.Single(list.Alerts);
        Assert.Equal(
            ("webhook:am", "grafana", AlertState.Resolved, 1),
            (alert.Sender, alert.Source, alert.State, alert.Times)
        );
        Assert.Equal(DateTimeOffset.MinValue, alert.StartsAt.ToDateTimeOffset());

        await alerts.UnmapAlertAsync(new UnmapAlertRequest { Name = "trial" }, cancellationToken: Ct);
        var gone = await Assert.ThrowsAsync<RpcException>(async () =>
            await alerts.UnmapAlertAsync(new UnmapAlertRequest { Name = "trial" }, cancellationToken: Ct)
        );
        Assert.Equal(
            (StatusCode.NotFound, "no rule \"trial\"; there are: web-down"),
            (gone.StatusCode, gone.Status.Detail)
        );
        Assert.Contains(
            host.Audit.List(null),
            r => r.Method.EndsWith("/MapAlert", StringComparison.Ordinal) && r.Request.Contains("WebDown")
        );
    }

    [Fact]
    public async Task A_rule_that_is_wrong_or_has_no_target_is_refused()
    {
        await using var host = await ControlHost.StartAsync();
        var alerts = new V1.AlertsService.AlertsServiceClient(host.Channel(Identity.Root));
        Assert.Equal(StatusCode.InvalidArgument, await RefusedAsync(_ => { }, r => r.Rule = null));
        Assert.Equal(StatusCode.InvalidArgument, await RefusedAsync(r => r.Action = AlertAction.Unspecified));
        Assert.Equal(StatusCode.InvalidArgument, await RefusedAsync(r => r.Action = (AlertAction)99));
        Assert.Equal(StatusCode.InvalidArgument, await RefusedAsync(r => r.Matchers.Clear()));
        Assert.Equal(
            StatusCode.InvalidArgument,
            await RefusedAsync(r => r.CoolDown = new Duration { Seconds = long.MaxValue })
        );
        Assert.Equal(StatusCode.FailedPrecondition, await RefusedAsync(r => r.Service = "wbe"));
        Assert.Equal(StatusCode.FailedPrecondition, await RefusedAsync(_ => { }, r => r.Before = "nothing"));
        Assert.Empty((await alerts.ListAlertsAsync(new ListAlertsRequest(), cancellationToken: Ct)).Rules);

        async Task<StatusCode> RefusedAsync(Action<AlertRule> change, Action<MapAlertRequest>? changeRequest = null)
        {
            var request = new MapAlertRequest { Rule = Sample.Clone() };
            change(request.Rule);
            changeRequest?.Invoke(request);
            return (
                await Assert.ThrowsAsync<RpcException>(async () =>
                    await alerts.MapAlertAsync(request, cancellationToken: Ct)
                )
            ).StatusCode;
        }
    }

    [Fact]
    public async Task A_token_is_told_once_and_is_in_no_record()
    {
        await using var host = await ControlHost.StartAsync();
        var identity = new V1.IdentityService.IdentityServiceClient(host.Channel(Identity.Root));
        var made = await identity.CreateTokenAsync(
            new CreateTokenRequest { Name = "am", Role = "webhook" },
            cancellationToken: Ct
        );
        Assert.StartsWith("appliance_wh_", made.Secret, StringComparison.Ordinal);
        var listed = Assert.Single(
            (await identity.ListTokensAsync(new ListTokensRequest(), cancellationToken: Ct)).Tokens
        );
        Assert.Equal(made.Token, listed);
        Assert.Equal(
            ("am", "webhook", "uid:0 (root)", null),
            (listed.Name, listed.Role, listed.CreatedBy, listed.LastUsedAt)
        );
        Assert.Equal(2, host.Audit.List(null).Count());
        Assert.DoesNotContain(
            host.Audit.List(null),
            r => $"{r.Request}{r.Detail}".Contains(made.Secret[13..40], StringComparison.Ordinal)
        );

        var again = await CodeAsync(
            identity.CreateTokenAsync(new() { Name = "am", Role = "webhook" }, cancellationToken: Ct)
        );
        Assert.Equal(StatusCode.FailedPrecondition, again);
        var admin = await CodeAsync(
            identity.CreateTokenAsync(new() { Name = "b", Role = "admin" }, cancellationToken: Ct)
        );
        Assert.Equal(StatusCode.InvalidArgument, admin);
        await identity.RevokeTokenAsync(new RevokeTokenRequest { Name = "am" }, cancellationToken: Ct);
        Assert.Equal(
            StatusCode.NotFound,
            await CodeAsync(identity.RevokeTokenAsync(new() { Name = "am" }, cancellationToken: Ct))
        );
    }

    private static async Task<StatusCode> CodeAsync<T>(AsyncUnaryCall<T> call) =>
        (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode;
}
