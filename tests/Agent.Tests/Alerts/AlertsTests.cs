using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Appliance.Agent.Tests.Control;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Alerts;

/// <summary>From a message to what is done, and what is not done twice.</summary>
public sealed class AlertsTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(nameof(AlertAction.Restart), "web", "restart web by webhook:am: alert WebDown, rule r")]
    [InlineData(nameof(AlertAction.Recreate), "web", "recreate web by webhook:am: alert WebDown, rule r")]
    [InlineData(nameof(AlertAction.Reboot), null, "reboot by webhook:am: alert WebDown, rule r")]
    public async Task An_alert_does_what_its_rule_says_and_it_is_on_record(
        string action,
        string? service,
        string expected
    )
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        host.MapRule("r", Enum.Parse<AlertAction>(action), service);
        var token = await host.TokenAsync();
        // Labels try to choose another target.
        var alert = Message.Alert(more: ",\"service\":\"db\",\"action\":\"reboot\"");

        Assert.Equal(["queued"], await host.ReportAsync(token, alert));
        var ended = await host.EndsAsync();

        Assert.Equal([expected], host.Actions.Asked);
        Assert.Equal(AlertState.Done, ended.Verdict.State);
        Assert.Equal(["alert.queued", "alert.done"], host.Events.Tail(10, null).Select(e => e.Kind));
        Assert.All(host.Events.Tail(10, null), e => Assert.Equal(service, e.Service));
        var records = host.Audit.List(null).ToList();
        Assert.Equal(["requested", "done"], records.Select(r => r.Outcome));
        Assert.All(
            records,
            r => Assert.Equal(("webhook:am", "webhook", "/webhooks/alertmanager"), (r.Actor, r.Role, r.Method))
        );
        Assert.StartsWith("""{"alert":1,"name":"WebDown","rule":"r","action":"re""", records[0].Request);
    }

    [Fact]
    public async Task A_one_shot_is_run()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        host.Supervisor.View = Views.Of(Views.Service("web"), Views.Service("clean") with { IsOneShot = true });
        host.MapRule("r", AlertAction.Run, "clean");
        var token = await host.TokenAsync();
        await host.ReportAsync(token, Message.Alert());
        await host.EndsAsync();
        Assert.Equal(["run clean by webhook:am: alert WebDown, rule r"], host.Actions.Asked);
    }

    [Fact]
    public async Task What_is_refused_is_told_with_the_reason()
    {
        var actions = new RecordedActions { Outcome = new ActionOutcome.Refused("an update is under way") };
        await using var host = await AlertsHost.StartAsync(folder.Path, actions: actions);
        host.MapRule("r", AlertAction.Restart, "web");
        var token = await host.TokenAsync();
        await host.ReportAsync(token, Message.Alert());
        var ended = await host.EndsAsync();
        Assert.Equal(
            (AlertState.Refused, "to restart web was refused: an update is under way"),
            (ended.Verdict.State, ended.Verdict.Why)
        );
        var told = host.Events.Tail(1, null).Single();
        Assert.Equal((EventSeverity.Warning, "alert.refused", "web"), (told.Severity, told.Kind, told.Service));
        Assert.Equal("failed", host.Audit.List(1).Single().Outcome);
    }

    [Fact]
    public async Task An_alert_is_decided_once_however_often_it_comes_and_over_restarts_of_the_agent()
    {
        var actions = new RecordedActions();
        var clock = new ManualClock();
        string token;
        await using (var host = await AlertsHost.StartAsync(folder.Path, clock, actions))
        {
            host.MapRule("r", AlertAction.Restart, "web");
            token = await host.TokenAsync();
            Assert.Equal(["queued", "repeated"], await host.ReportAsync(token, Message.Alert(), Message.Alert()));
            await host.EndsAsync();
        }

        clock.Advance(TimeSpan.FromHours(4));
        await using var later = await AlertsHost.StartAsync(folder.Path, clock, actions);
        await Eventually.TrueAsync("alerts are listened for", later.ListensAsync, Ct);
        Assert.Equal(["repeated"], await later.ReportAsync(token, Message.Alert()));
        Assert.Single(actions.Asked);
        var known = Assert.Single(later.Journal.Newest(10));
        Assert.Equal((3, clock.GetUtcNow()), (known.Times, known.LastSeen));

        // The same alert that fires anew is another one.
        Assert.Equal(["queued"], await later.ReportAsync(token, Message.Alert(startsAt: "2026-01-15T16:00:00Z")));
        await later.EndsAsync(2);
        Assert.Equal(2, actions.Asked.Count);
    }

    [Fact]
    public async Task A_rule_rests_after_it_acted_also_over_a_restart_of_the_agent()
    {
        var actions = new RecordedActions();
        var clock = new ManualClock();
        string token;
        await using (var host = await AlertsHost.StartAsync(folder.Path, clock, actions))
        {
            host.MapRule("r", AlertAction.Restart, "web");
            token = await host.TokenAsync();
            // Three instances of a service report the same trouble in one message.
            Assert.Equal(
                ["queued", "cooling-down", "cooling-down"],
                await host.ReportAsync(token, Message.Alert("1"), Message.Alert("2"), Message.Alert("3"))
            );
            await host.EndsAsync();
            // A rule that is replaced, or tried before another, acts no sooner.
            host.MapRule("r", AlertAction.Restart, "db");
            Assert.Equal(["cooling-down"], await host.ReportAsync(token, Message.Alert("4")));
        }

        clock.Advance(TimeSpan.FromMinutes(9));
        await using var later = await AlertsHost.StartAsync(folder.Path, clock, actions);
        await Eventually.TrueAsync("alerts are listened for", later.ListensAsync, Ct);
        Assert.Equal(["cooling-down"], await later.ReportAsync(token, Message.Alert("5")));
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(["queued"], await later.ReportAsync(token, Message.Alert("6")));
        await later.EndsAsync(6);
        Assert.Equal(2, actions.Asked.Count);
    }

    [Fact]
    public async Task On_trial_a_rule_says_what_it_would_do_and_then_acts_at_once_in_earnest()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        host.MapRule("r", AlertAction.Restart, "web", dryRun: true);
        var token = await host.TokenAsync();
        Assert.Equal(["dry-run"], await host.ReportAsync(token, Message.Alert("1")));
        Assert.Equal(["cooling-down"], await host.ReportAsync(token, Message.Alert("2")));
        Assert.Empty(host.Actions.Asked);
        Assert.Equal("alert.dry-run", host.Events.Tail(10, null)[0].Kind);
        host.MapRule("r", AlertAction.Restart, "web");
        Assert.Equal(["queued"], await host.ReportAsync(token, Message.Alert("3")));
    }

    [Fact]
    public async Task What_no_rule_wants_done_is_recorded_and_does_nothing()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        host.MapRule("known", AlertAction.Nothing, null, value: "Known");
        var token = await host.TokenAsync();
        Assert.Equal(
            ["unmatched", "nothing", "resolved"],
            await host.ReportAsync(
                token,
                Message.Alert("1"),
                Message.Alert("2", name: "Known"),
                Message.Alert("3", status: "resolved")
            )
        );
        // It is over, whatever comes late.
        Assert.Equal(["repeated"], await host.ReportAsync(token, Message.Alert("3")));
        Assert.Equal(
            [AlertState.Resolved, AlertState.Nothing, AlertState.Unmatched],
            host.Journal.Newest(10).Select(a => a.Verdict.State)
        );
        Assert.Equal(
            ["alert.unmatched", "alert.nothing", "alert.resolved"],
            host.Events.Tail(10, null).Select(e => e.Kind)
        );
        Assert.Empty(host.Actions.Asked);
    }

    [Fact]
    public async Task That_an_alert_is_over_is_noted_beside_what_was_done()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        host.MapRule("r", AlertAction.Restart, "web");
        var token = await host.TokenAsync();
        await host.ReportAsync(token, Message.Alert());
        await host.EndsAsync();
        Assert.Equal(["resolved"], await host.ReportAsync(token, Message.Alert(status: "resolved")));
        Assert.Equal(["repeated"], await host.ReportAsync(token, Message.Alert(status: "resolved")));
        var known = Assert.Single(host.Journal.Newest(10));
        Assert.Equal((AlertState.Done, host.Clock.GetUtcNow()), (known.Verdict.State, known.ResolvedAt));
        Assert.Equal("alert.resolved", host.Events.Tail(1, null)[0].Kind);
    }

    [Fact]
    public async Task What_was_taken_in_is_done_once_after_an_agent_that_died_before()
    {
        var clock = new ManualClock();
        await using (
            var dying = await AlertsHost.StartAsync(folder.Path, clock, setup: new(AlertsHost.FreePort(), Acts: false))
        )
        {
            dying.MapRule("r", AlertAction.Restart, "web");
            Assert.Equal(["queued"], await dying.ReportAsync(await dying.TokenAsync(), Message.Alert()));
        }

        var actions = new RecordedActions();
        await using (var host = await AlertsHost.StartAsync(folder.Path, clock, actions))
            Assert.Equal(AlertState.Done, (await host.EndsAsync()).Verdict.State);
        await using (var host = await AlertsHost.StartAsync(folder.Path, clock, actions))
            await host.TokenAsync("later");
        Assert.Single(actions.Asked);
    }

    [Fact]
    public async Task What_was_begun_is_not_begun_again_and_it_is_said()
    {
        var actions = new RecordedActions { Hold = new() };
        await using (var dying = await AlertsHost.StartAsync(folder.Path, actions: actions))
        {
            dying.MapRule("r", AlertAction.Reboot, null);
            await dying.ReportAsync(await dying.TokenAsync(), Message.Alert());
            await Eventually.TrueAsync("it is begun", () => actions.Asked.Count == 1, Ct);
        }

        await using var host = await AlertsHost.StartAsync(folder.Path, actions: actions);
        var ended = await host.EndsAsync();
        Assert.Equal(AlertState.Interrupted, ended.Verdict.State);
        Assert.Contains("it is not done again", ended.Verdict.Why, StringComparison.Ordinal);
        Assert.Equal("alert.interrupted", host.Events.Tail(1, null)[0].Kind);
        Assert.Single(actions.Asked);
    }

    [Fact]
    public async Task What_waited_too_long_for_the_agent_or_is_over_by_then_is_not_done()
    {
        var clock = new ManualClock();
        await using (
            var dying = await AlertsHost.StartAsync(folder.Path, clock, setup: new(AlertsHost.FreePort(), Acts: false))
        )
        {
            dying.MapRule("a", AlertAction.Restart, "web", value: "A");
            dying.MapRule("b", AlertAction.Restart, "web", value: "B");
            var token = await dying.TokenAsync();
            await dying.ReportAsync(token, Message.Alert("1", name: "A"), Message.Alert("2", name: "B"));
            await dying.ReportAsync(token, Message.Alert("2", name: "B", status: "resolved"));
        }

        clock.Advance(AlertWorker.TooOld + TimeSpan.FromSeconds(1));
        await using var host = await AlertsHost.StartAsync(folder.Path, clock);
        Assert.Equal(
            (AlertState.Refused, "it waited too long for the agent to start, to restart web now"),
            ((await host.EndsAsync()).Verdict.State, (await host.EndsAsync()).Verdict.Why)
        );
        Assert.Equal("it was over before anything was done", (await host.EndsAsync(2)).Verdict.Why);
        Assert.Empty(host.Actions.Asked);
    }

    [Fact]
    public async Task What_is_too_old_is_not_done_although_that_cannot_be_written_down_at_first()
    {
        using var disk = new SmallDisk(folder["state"], kibibytes: 2048);
        var clock = new ManualClock();
        await using (
            var dying = await AlertsHost.StartAsync(disk.Path, clock, setup: new(AlertsHost.FreePort(), Acts: false))
        )
        {
            dying.MapRule("r", AlertAction.Restart, "web");
            await dying.ReportAsync(await dying.TokenAsync(), Message.Alert());
        }

        clock.Advance(AlertWorker.TooOld * 2);
        disk.Fill();
        await using var host = await AlertsHost.StartAsync(disk.Path, clock);
        for (var i = 0; i < 3; i++)
            clock.Advance(AlertWorker.UntilNextTry);
        Assert.Equal(AlertState.Queued, host.Journal.Find(1)!.Verdict.State);
        disk.Free();
        await Eventually.TrueAsync(
            "it is refused",
            () =>
            {
                clock.Advance(AlertWorker.UntilNextTry);
                return host.Journal.Find(1)!.Verdict.State is AlertState.Refused;
            },
            Ct
        );
        Assert.Empty(host.Actions.Asked);
    }

    [Fact]
    public async Task An_action_that_hangs_is_given_up_and_the_next_has_its_turn()
    {
        var actions = new RecordedActions { Hold = new() };
        await using var host = await AlertsHost.StartAsync(folder.Path, actions: actions);
        host.MapRule("a", AlertAction.Restart, "web", value: "A");
        host.MapRule("b", AlertAction.Restart, "db", value: "B");
        var token = await host.TokenAsync();
        await host.ReportAsync(token, Message.Alert("1", name: "A"), Message.Alert("2", name: "B"));
        await Eventually.TrueAsync("the first is begun", () => actions.Asked.Count == 1, Ct);
        host.Clock.Advance(AlertWorker.Patience);
        Assert.Contains("may be done yet", (await host.EndsAsync()).Verdict.Why, StringComparison.Ordinal);
        actions.Hold.SetResult();
        Assert.Equal(AlertState.Done, (await host.EndsAsync(2)).Verdict.State);
    }

    [Fact]
    public void So_many_alerts_are_kept_and_one_that_keeps_coming_is_never_forgotten()
    {
        using var state = new Storage.ScratchState(folder["state"]);
        using var open = state.Open();
        var journal = new AlertJournal(open.Database, state.Clock);
        NewAlert Alert(int n) =>
            new(
                "webhook:am",
                "alertmanager",
                $"{n}",
                DateTimeOffset.UnixEpoch,
                false,
                new Dictionary<string, string>()
            );
        AlertVerdict Decide(NewAlert alert, IReadOnlyList<AlertRule> rules) =>
            new(alert.Fingerprint == "1" ? AlertState.Queued : AlertState.Unmatched, "");

        journal.Take([Alert(0), Alert(1)], Decide);
        for (var round = 0; round < 6; round++)
            journal.Take([Alert(0), .. Enumerable.Range(2 + (round * 250), 250).Select(Alert)], Decide);

        var kept = journal.Newest(5000);
        // The one that is still to be done, beyond what is kept.
        Assert.Equal(AlertJournal.Kept + 1, kept.Count);
        Assert.Contains(kept, a => a.Alert.Fingerprint == "0");
        Assert.Equal("1", journal.NextQueued!.Alert.Fingerprint);
        Assert.False(journal.Take([Alert(0)], Decide)[0].IsNews);
    }

    [Fact]
    public async Task A_sender_gone_wrong_cannot_fill_events_and_audit()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        host.MapRule("r", AlertAction.Restart, "web", dryRun: true);
        var token = await host.TokenAsync();
        for (var i = 0; i < 4; i++)
            await host.ReportAsync(token, [.. Enumerable.Range(i * 50, 50).Select(n => Message.Alert($"{n}"))]);
        Assert.Equal(50, host.Events.Tail(1000, null).Count);
        Assert.Equal(50, host.Audit.List(null).Count());
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        await host.ReportAsync(token, Message.Alert("9999"));
        Assert.Contains("150 earlier decisions", host.Events.Tail(1, null)[0].Done, StringComparison.Ordinal);
    }
}
