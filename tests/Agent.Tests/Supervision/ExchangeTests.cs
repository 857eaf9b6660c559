using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>How the replicas of a service are exchanged, and what ingress has to say in it.</summary>
public sealed class ExchangeTests
{
    private const string Web1 = "web1-id-0123456789";
    private const string Old = "old-id-0123456789";

    private static readonly IngressRoute Route = new(IngressProtocol.Http, 8080, null, "/", null);
    private static readonly Exchange StopFirst = new(1, TimeSpan.FromSeconds(5), StartFirst: false);
    private static readonly Exchange StartFirst = StopFirst with { StartFirst = true };

    [Fact]
    public void One_replica_is_taken_on_at_a_time()
    {
        var plan = Web(2, StopFirst).Container("web", AsBefore).Container("web", AsBefore, replica: 2).Plan();
        Assert.Equal("app-web-1", Assert.IsType<Step.Rename>(Assert.Single(plan.Steps)).From);
        Assert.Equal(ServiceState.Pending, plan.Services[0].Slots[1].State);
    }

    [Fact]
    public void As_many_are_taken_on_at_a_time_as_the_release_says()
    {
        var web = Web(3, StopFirst with { Parallelism = 2 });
        for (var replica = 1; replica <= 3; replica++)
            web.Container("web", AsBefore, replica);
        Assert.Equal(["app-web-1", "app-web-2"], web.Plan().Steps.Cast<Step.Rename>().Select(s => s.From));
    }

    [Fact]
    public void All_at_once_are_taken_on_where_the_release_says_so()
    {
        var web = Web(3, StopFirst with { Parallelism = 0 });
        for (var replica = 1; replica <= 3; replica++)
            web.Container("web", AsBefore, replica);
        Assert.Equal(3, web.Plan().Steps.Count);
    }

    [Fact]
    public void The_next_waits_until_the_one_before_has_been_ready_for_its_time()
    {
        var web = Web(2, StopFirst).Container("web").Container("web", AsBefore, replica: 2);
        web.ReadySince[Web1] = Scenario.Now.AddSeconds(-3);
        var plan = web.Plan();
        Assert.Empty(plan.Steps);
        Assert.Equal(Scenario.Now.AddSeconds(2), plan.WakeAt);

        web.ReadySince[Web1] = Scenario.Now.AddSeconds(-5);
        Assert.Equal("app-web-2", Assert.IsType<Step.Rename>(Assert.Single(web.Plan().Steps)).From);
    }

    [Fact]
    public void A_replica_that_does_not_get_ready_keeps_the_others_as_they_are()
    {
        var web = Web(2, StopFirst)
            .Container("web", c => c with { State = RunState.Exited, ExitCode = 1, FinishedAt = Scenario.Now })
            .Container("web", AsBefore, replica: 2);
        Assert.DoesNotContain(web.Plan().Steps, s => s.Slot?.Replica == 2);
    }

    [Fact]
    public void What_does_not_run_is_replaced_whosever_turn_it_is()
    {
        var web = Web(2, StopFirst)
            .Container("web", AsBefore)
            .Container("web", c => AsBefore(c) with { State = RunState.Exited }, replica: 2);
        Assert.Equal(["app-web-1", "app-web-2"], web.Plan().Steps.Cast<Step.Rename>().Select(s => s.From));
    }

    [Fact]
    public void Start_first_starts_the_new_one_beside_the_old()
    {
        var plan = Web(1, StartFirst).Container("web", AsMade).Container("web", AsReplaced).Plan();
        Assert.Equal(Web1, Assert.IsType<Step.Start>(Assert.Single(plan.Steps)).Id);
    }

    [Fact]
    public void Start_first_stops_the_old_one_that_holds_what_the_new_one_needs()
    {
        var plan = Web(1, StartFirst)
            .With(s => s with { Claims = new HashSet<string> { "host port 80/tcp" } })
            .Container("web", AsMade)
            .Container("web", c => AsReplaced(c) with { Claims = new HashSet<string> { "host port 80/tcp" } })
            .Plan();
        Assert.Equal(Old, Assert.IsType<Step.Switch>(Assert.Single(plan.Steps)).OldId);
    }

    [Fact]
    public void A_predecessor_serves_until_its_successor_is_sent_requests()
    {
        var web = Published(1, StartFirst).Container("web").Container("web", AsReplaced);
        web.Traffic = Serving(joined: [Old]);
        var plan = web.Plan();
        Assert.Empty(plan.Steps);
        Assert.Empty(plan.Services[0].Slots[0].Leaving);
    }

    [Fact]
    public void A_predecessor_leaves_before_it_is_removed()
    {
        var web = Published(1, StartFirst).Container("web").Container("web", AsReplaced);
        web.Traffic = Serving(joined: [Old, Web1]);
        var plan = web.Plan();
        Assert.Empty(plan.Steps);
        Assert.Equal([Old], plan.Services[0].Slots[0].Leaving.Keys);
        Assert.False(plan.IsTidy);

        web.Traffic = Serving(joined: [Web1], drained: [Old]);
        plan = web.Plan();
        Assert.Equal(Old, Assert.IsType<Step.Remove>(Assert.Single(plan.Steps)).Id);
        Assert.Equal([Old], plan.Services[0].Slots[0].Leaving.Keys);
    }

    [Fact]
    public void Stop_first_too_stops_nothing_that_has_requests()
    {
        var web = Published(2, StopFirst)
            .Container("web", AsMade)
            .Container("web", AsReplaced)
            .Container("web", AsBefore, replica: 2);
        web.Traffic = Serving(joined: [Old, "web2-id-0123456789"]);
        Assert.Empty(web.Plan().Steps);
        web.Traffic = Serving(joined: ["web2-id-0123456789"], drained: [Old]);
        Assert.Equal(Old, Assert.IsType<Step.Switch>(Assert.Single(web.Plan().Steps)).OldId);
    }

    [Fact]
    public void Nobody_is_waited_for_while_ingress_does_not_serve()
    {
        var plan = Published(1, StartFirst).Container("web").Container("web", AsReplaced).Plan();
        Assert.IsType<Step.Remove>(Assert.Single(plan.Steps));
    }

    [Fact]
    public void An_ingress_that_says_nothing_is_waited_for_no_longer_than_requests_may_take()
    {
        var web = Published(1, StartFirst).Container("web").Container("web", AsReplaced);
        web.Traffic = Serving(joined: [Old, Web1]);
        web.LeavingSince[Old] = Scenario.Now.AddSeconds(-19);
        var plan = web.Plan();
        Assert.Empty(plan.Steps);
        Assert.Equal(Scenario.Now.AddSeconds(1), plan.WakeAt);

        web.LeavingSince[Old] = Scenario.Now.AddSeconds(-20);
        Assert.IsType<Step.Remove>(Assert.Single(web.Plan().Steps));
    }

    [Fact]
    public void A_service_that_somebody_stops_leaves_first()
    {
        var web = Published(1, StopFirst).Container("web");
        web.Stopped["web"] = new("web", Scenario.Now, "root", "");
        web.Traffic = Serving(joined: [Web1]);
        var plan = web.Plan();
        Assert.Empty(plan.Steps);
        Assert.Equal([Web1], plan.Services[0].Slots[0].Leaving.Keys);

        web.Traffic = Serving(joined: [], drained: [Web1]);
        Assert.IsType<Step.Stop>(Assert.Single(web.Plan().Steps));
    }

    [Fact]
    public void A_restart_that_somebody_asks_for_takes_one_replica_after_the_other()
    {
        var web = Published(2, StopFirst).Container("web").Container("web", replica: 2);
        web.Asked[new("web", 1)] = web.Asked[new("web", 2)] = "root asked for a restart";
        web.Traffic = Serving(joined: [Web1, "web2-id-0123456789"], drained: [Web1]);
        Assert.Equal(Web1, Assert.IsType<Step.Restart>(Assert.Single(web.Plan().Steps)).Id);
    }

    [Fact]
    public async Task Who_waits_behind_a_replica_that_its_restart_left_unready_is_told_so_and_not_restarted_later()
    {
        var asked = new AskedRestarts();
        var answer = asked.Ask(new("web", 2), new("root asked for a restart", Anew: false, IsPersonal: true));
        var web = Published(2, StopFirst)
            .Container("web", c => c with { Health = HealthState.Unready })
            .Container("web", replica: 2);
        web.Asked[new("web", 2)] = "root asked for a restart";
        web.Traffic = Serving(joined: ["web2-id-0123456789"]);

        asked.AnswerHeldUp(web.Plan(), web.InFlight);

        Assert.StartsWith(
            "Replica 1 was restarted before it, and is not well: ",
            await answer,
            StringComparison.Ordinal
        );
        Assert.Empty(asked.Pending);
    }

    [Fact]
    public async Task What_no_person_asked_for_is_not_done_beside_what_was_begun_since()
    {
        var asked = new AskedRestarts();
        var answer = asked.Ask(new("web", 1), new("webhook:am asked for a restart", Anew: false, IsPersonal: false));
        _ = asked.Ask(new("web", 2), new("webhook:am asked for a restart", Anew: false, IsPersonal: false));
        _ = asked.Ask(new("web", 2), new("root asked for a restart", Anew: false, IsPersonal: true));

        asked.AnswerOthers("op-2 is under way", new Dictionary<string, Step>());

        Assert.Equal("op-2 is under way", await answer);
        Assert.Equal([new("web", 2)], asked.Pending.Keys);
    }

    [Fact]
    public void What_is_unhealthy_is_restarted_at_once()
    {
        var web = Published(1, StopFirst).Container("web", c => c with { Health = HealthState.Unhealthy });
        web.Traffic = Serving(joined: [Web1]);
        Assert.IsType<Step.Restart>(Assert.Single(web.Plan().Steps));
    }

    [Fact]
    public void What_a_step_is_ending_is_not_sent_requests_again()
    {
        var web = Published(1, StopFirst).Container("web");
        web.InFlight["web/1"] = new Step.Restart(Web1, "app-web-1", TimeSpan.Zero, Asked: true, 0, "asked")
        {
            Slot = new("web", 1),
        };
        web.Traffic = Serving(joined: []);
        Assert.Equal([Web1], web.Plan().Services[0].Slots[0].Leaving.Keys);
    }

    [Fact]
    public void A_replica_that_the_release_has_no_more_leaves_first()
    {
        var web = Published(1, StopFirst).Container("web").Container("web", replica: 2);
        web.Traffic = Serving(joined: [Web1, "web2-id-0123456789"]);
        var plan = web.Plan();
        Assert.Empty(plan.Steps);
        Assert.True(Assert.Single(plan.Orphans).IsLeaving);

        web.Traffic = Serving(joined: [Web1], drained: ["web2-id-0123456789"]);
        Assert.IsType<Step.Remove>(Assert.Single(web.Plan().Steps));
    }

    [Fact]
    public void One_container_of_the_next_version_is_tried_beside_the_others()
    {
        var plan = Tried().Plan();
        var create = Assert.IsType<Step.Create>(Assert.Single(plan.Steps));
        Assert.Equal(("app-web-3", "new"), (create.Name, create.Service.ConfigHash));
        Assert.Equal(ServiceState.Running, plan.Services[0].State);
        Assert.Equal(ServiceState.Starting, plan.Services[0].Canary!.State);
    }

    [Fact]
    public void A_predecessor_is_sent_requests_only_if_it_was_ready()
    {
        var web = Published(1, StartFirst).Container("web", AsMade).Container("web", AsReplaced);
        Assert.False(Servers(web)[Old]);

        web.ReadySince[Old] = Scenario.Now.AddMinutes(-1);
        Assert.True(Servers(web)[Old]);

        web.ReadySince.Clear();
        web.Traffic = Serving(joined: [Old]);
        Assert.True(Servers(web)[Old]);
    }

    [Theory]
    [InlineData(nameof(HealthState.Healthy), true)]
    [InlineData(nameof(HealthState.Starting), false)]
    [InlineData(nameof(HealthState.Unready), false)]
    [InlineData(nameof(HealthState.Unhealthy), false)]
    public void Of_a_predecessor_counts_what_it_said_last(string last, bool isReady)
    {
        var web = Published(1, StartFirst).Container("web", AsMade).Container("web", AsReplaced);
        web.Traffic = Serving(joined: [Old]);
        web.Verdicts[Old] = new HealthVerdict(Old, Scenario.Now.AddMinutes(-10), [], Enum.Parse<HealthState>(last), "");
        Assert.Equal(isReady, Servers(web)[Old]);
    }

    [Theory]
    [InlineData(nameof(HealthState.Unready), true)]
    [InlineData(nameof(HealthState.Unhealthy), false)]
    public void Ingress_is_told_who_is_only_too_slow_to_be_ready(string state, bool isOverdue)
    {
        var web = new Scenario().Service("web", probed: true).With(s => s with { Routes = [Route] }).Container("web");
        web.Verdicts[Web1] = new HealthVerdict(
            Web1,
            Scenario.Now.AddMinutes(-10),
            [new TcpProbe(80, ProbeTiming.Default)],
            Enum.Parse<HealthState>(state),
            ""
        )
        {
            IsOverdue = true,
        };
        var server = Assert.Single(Assert.Single(web.Published()).Servers);
        Assert.Equal((false, isOverdue), (server.IsReady, server.IsOverdue));
    }

    [Fact]
    public void A_dependency_that_is_being_exchanged_still_serves()
    {
        var both = new Scenario()
            .Service("db", replicas: 2)
            .With(s => s with { Exchange = StopFirst })
            .Service("web", needs: ("db", DependencyCondition.Healthy))
            .Container("db", AsMade)
            .Container("db", c => AsReplaced(c))
            .Container("db", AsBefore, replica: 2)
            .Container("web", c => c with { State = RunState.Exited, ExitCode = 1, FinishedAt = Scenario.Now });
        both.ReadySince[Old] = both.ReadySince["db2-id-0123456789"] = Scenario.Now.AddMinutes(-1);
        Assert.DoesNotContain("needs db", both.Plan().Services[1].Explanation, StringComparison.Ordinal);
        Assert.True(Assert.Single(both.Plan().Services[1].Dependencies).Satisfied);
    }

    [Fact]
    public void What_is_tried_does_not_make_the_service_sick()
    {
        var plan = Tried()
            .Container("web", c => c with { ConfigHash = "new", Health = HealthState.Unhealthy }, replica: 3)
            .Plan();
        Assert.Equal(ServiceState.Running, plan.Services[0].State);
        Assert.Equal(ServiceState.Unhealthy, plan.Services[0].Canary!.State);
    }

    [Fact]
    public void What_was_tried_leaves_when_the_trial_is_over()
    {
        var web = Published(2, StartFirst)
            .Container("web")
            .Container("web", replica: 2)
            .Container("web", c => c with { ConfigHash = "new" }, replica: 3);
        web.Traffic = Serving(joined: [Web1, "web2-id-0123456789", "web3-id-0123456789"]);
        Assert.True(Assert.Single(web.Plan().Orphans).IsLeaving);
    }

    private static Dictionary<string, bool> Servers(Scenario scenario) =>
        Assert.Single(scenario.Published()).Servers.ToDictionary(s => s.ContainerId, s => s.IsReady);

    private static Scenario Tried() =>
        Published(2, StartFirst)
            .With(s => s with { Canary = s with { ConfigHash = "new", CanaryWeight = 10 } })
            .Container("web")
            .Container("web", replica: 2);

    private static Scenario Web(int replicas, Exchange exchange) =>
        new Scenario().Service("web", replicas: replicas).With(s => s with { Exchange = exchange });

    private static Scenario Published(int replicas, Exchange exchange) =>
        Web(replicas, exchange).With(s => s with { Routes = [Route] });

    /// <summary>As the release before had it.</summary>
    private static ObservedContainer AsBefore(ObservedContainer c) => c with { ConfigHash = "before" };

    /// <summary>As the release before had it, and moved out of the way.</summary>
    private static ObservedContainer AsReplaced(ObservedContainer c) =>
        AsBefore(c) with
        {
            Id = Old,
            Name = "app-web-1-old-abcdef",
        };

    /// <summary>Not started yet.</summary>
    private static ObservedContainer AsMade(ObservedContainer c) =>
        c with
        {
            State = RunState.Created,
            StartedAt = null,
        };

    private static Traffic Serving(string[] joined, params string[] drained) =>
        new(IsServing: true, joined.ToHashSet(), drained.ToHashSet());
}
