using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using static Appliance.Agent.Tests.Supervision.Scenario;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>What is planned for a replica that does not get well by a restart.</summary>
public sealed class HealingPlanTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private static readonly IngressRoute Route = new(IngressProtocol.Http, 8080, null, "/", null);

    private static readonly Hold Somebody = new(Now - Hour, Now + Hour, "uid:0 (root)", "disk swap");

    [Theory]
    [InlineData(0, typeof(Step.Start))]
    [InlineData(2, typeof(Step.Start))]
    [InlineData(3, typeof(Step.Recreate))]
    [InlineData(4, typeof(Step.Start))]
    [InlineData(5, typeof(Step.ReloadImage))]
    public void What_keeps_ending_climbs_the_ladder(int tries, Type step)
    {
        var taken = Assert.Single(Ending(tries).Plan().Steps);

        Assert.IsType(step, taken);
        Assert.Equal(tries, taken.Streak);
        Assert.Equal("app-web-1 exited with code 1", taken.Found);
    }

    [Theory]
    [InlineData(0, typeof(Step.Restart))]
    [InlineData(3, typeof(Step.Recreate))]
    [InlineData(5, typeof(Step.ReloadImage))]
    public void What_stays_unhealthy_climbs_the_ladder(int tries, Type step)
    {
        var plan = Unhealthy(tries).Plan();

        Assert.IsType(step, Assert.Single(plan.Steps));
        Assert.Equal(ServiceState.Unhealthy, plan.Services[0].State);
    }

    [Fact]
    public void Until_the_next_try_the_sentence_says_what_it_will_be()
    {
        var scenario = new Scenario().Service("web").Container("web", c => Exited(c, 1, Second, TimeSpan.Zero));
        scenario.Restarts["web/1"] = Tried(3, Now);

        var plan = scenario.Plan();

        Assert.Empty(plan.Steps);
        Assert.StartsWith(
            "Exited with code 1, 4 times in a row. The next try, with another container, is at 2026-01-15 12:00:0",
            plan.Services[0].Explanation
        );
        var ailment = plan.Services[0].Slots[0].Ailment!;
        Assert.Equal(
            (Cause.Ended, 3, Rung.Recreate, false),
            (ailment.Cause, ailment.Tries, ailment.Next, ailment.IsPastRepair)
        );
    }

    [Fact]
    public void Past_the_last_rung_it_is_tried_at_the_longest_pace_and_says_that_all_was_done()
    {
        var scenario = new Scenario().Service("web").Container("web", c => Exited(c, 1, Second, TimeSpan.Zero));
        scenario.Restarts["web/1"] = Tried(8, Now);
        scenario.Reloaded(Cause.Ended);

        var plan = scenario.Plan();

        Assert.InRange(plan.WakeAt!.Value - Now, Second * 48, Second * 72);
        Assert.Contains("All that can be done for a container has been done", plan.Services[0].Explanation);
        Assert.True(plan.Services[0].Slots[0].Ailment!.IsPastRepair);
    }

    [Fact]
    public void A_container_with_data_in_a_volume_without_a_name_is_never_replaced()
    {
        foreach (var tries in (int[])[3, 5])
        {
            var plan = Ending(tries, c => c with { HasUnnamedVolume = true }).Plan();

            Assert.IsType<Step.Start>(Assert.Single(plan.Steps));
            Assert.EndsWith(
                "is not done: app-web-1 keeps data in a volume without a name, which another container would not have",
                plan.Services[0].Slots[0].Refusal
            );
        }
    }

    [Fact]
    public void An_image_that_another_container_runs_well_from_is_left_alone_and_it_gets_another_container()
    {
        var plan = Ending(5).Service("api").Container("api").Plan();

        Assert.IsType<Step.Recreate>(Assert.Single(plan.Steps));
        Assert.Equal(
            "loading its image again was next for app-web-1, and is not done: app-api-1 runs from the same image",
            plan.Services[0].Slots[0].Refusal
        );
    }

    [Fact]
    public void An_image_that_was_loaded_again_is_not_again_before_its_time_but_for_another_cause()
    {
        Assert.IsType<Step.Start>(Assert.Single(Ending(6).Reloaded(Cause.Ended).Plan().Steps));

        Assert.IsType<Step.ReloadImage>(Assert.Single(Ending(6).Reloaded(Cause.Unhealthy).Plan().Steps));
    }

    [Fact]
    public void What_runs_only_because_it_was_just_started_again_does_not_run_well()
    {
        var scenario = Ending(5).Service("api").Container("api", c => c with { StartedAt = Now - Second });
        scenario.Restarts["api/1"] = Tried(2, Now - Second) with { Slot = "api/1" };

        Assert.IsType<Step.ReloadImage>(Assert.Single(scenario.Plan().Steps));
    }

    [Fact]
    public void Replicas_that_are_all_ill_go_with_their_image_and_get_nothing_else_meanwhile()
    {
        var scenario = new Scenario()
            .Service("web", replicas: 2)
            .Container("web", c => Exited(c, 1, Second, Hour))
            .Container("web", c => Exited(c, 1, Second, Hour), replica: 2);
        scenario.Restarts["web/1"] = Tried(5, Now - Hour);
        scenario.Restarts["web/2"] = Tried(4, Now - Hour) with { Slot = "web/2" };

        var reload = Assert.IsType<Step.ReloadImage>(scenario.Plan().Steps[0]);
        Assert.Equal(["app-web-1", "app-web-2"], reload.Containers.Select(c => c.Name));
        Assert.Equal(["web/1", "image image:1", "web/2"], reload.Lanes);

        foreach (var lane in reload.Lanes)
            scenario.InFlight[lane] = reload;
        Assert.Empty(scenario.Plan().Steps);
    }

    [Fact]
    public void A_one_shot_that_failed_for_good_keeps_its_image()
    {
        var scenario = Ending(5).Service("job", RestartRule.Never).Container("job", c => Exited(c, 1, Second, Hour));

        Assert.IsType<Step.Recreate>(Assert.Single(scenario.Plan().Steps));
    }

    [Fact]
    public void While_a_release_is_exchanged_nothing_but_a_restart_is_done()
    {
        var scenario = Ending(3);
        scenario.UnderWay = "op-3";

        var plan = scenario.Plan();

        Assert.IsType<Step.Start>(Assert.Single(plan.Steps));
        Assert.Equal(
            "another container was next for app-web-1, and is not done: op-3 is under way",
            plan.Services[0].Slots[0].Refusal
        );
    }

    [Fact]
    public void What_the_machine_has_slows_the_pace_from_the_first_try_on_and_is_named()
    {
        var scenario = new Scenario().Service("web").Container("web", c => Exited(c, 1, Second, TimeSpan.Zero));
        scenario.Care = Care.Default with
        {
            Problems = [new(Cause.DiskFull, "the disk of /data is full: 3 MiB are left")],
        };
        Assert.IsType<Step.Start>(Assert.Single(scenario.Plan().Steps));

        scenario.Restarts["web/1"] = Tried(1, Now);
        var plan = scenario.Plan();

        Assert.Empty(plan.Steps);
        Assert.InRange(plan.WakeAt!.Value - Now, Second * 48, Second * 72);
        Assert.Contains("A restart does not cure it: the disk of /data is full", plan.Services[0].Explanation);
        Assert.Contains("is not tried again at the usual pace", plan.Services[0].Slots[0].Refusal);

        // It is over: at once, and from the beginning.
        scenario.Restarts["web/1"] = Tried(9, Now) with
        {
            Causes = "Ended DiskFull",
        };
        scenario.Care = Care.Default;
        Assert.Equal(0, Assert.IsType<Step.Start>(Assert.Single(scenario.Plan().Steps)).Streak);
    }

    [Fact]
    public void A_check_that_cannot_resolve_a_name_gets_another_container_and_keeps_its_image()
    {
        var scenario = Unhealthy(3, "wget: bad address 'db'", "Names");
        Assert.IsType<Step.Recreate>(Assert.Single(scenario.Plan().Steps));

        Assert.IsType<Step.Restart>(Assert.Single(Unhealthy(6, "wget: bad address 'db'", "Names").Plan().Steps));
    }

    [Fact]
    public void A_container_that_the_engine_refuses_to_start_climbs_too_though_it_never_ran()
    {
        ObservedContainer NeverStarted(ObservedContainer c) =>
            c with
            {
                State = RunState.Created,
                StartedAt = null,
                Error = "exec format error",
            };
        var scenario = new Scenario().Service("web").Container("web", NeverStarted);
        scenario.Restarts["web/1"] = Tried(3, Now - Hour, "Refused");
        Assert.IsType<Step.Recreate>(Assert.Single(scenario.Plan().Steps));

        scenario.UnderWay = "op-3";
        Assert.Null(Assert.IsType<Step.Start>(Assert.Single(scenario.Plan().Steps)).Streak);
    }

    [Fact]
    public void A_container_that_the_engine_refuses_to_make_climbs_to_its_image()
    {
        var scenario = new Scenario().Service("web");
        scenario.Failures["web/1"] = new StepFailure("layer does not exist", 5, Now - Second);
        Assert.Equal(0, Assert.IsType<Step.Create>(Assert.Single(scenario.Plan().Steps)).Streak);

        scenario.Restarts["web/1"] = Tried(5, Now - Hour, "Refused");
        var reload = Assert.IsType<Step.ReloadImage>(Assert.Single(scenario.Plan().Steps));
        Assert.Empty(reload.Containers);
    }

    [Fact]
    public void Under_a_hold_nothing_is_repaired_and_each_service_says_who_holds_it()
    {
        var scenario = new Scenario()
            .Service("ended")
            .Container("ended", c => Exited(c, 1, Second, Hour))
            .Service("ill")
            .Container("ill", c => c with { Health = HealthState.Unhealthy })
            .Service("lost")
            .Service("well")
            .Container("well")
            .Container("gone");
        scenario.Hold = Somebody;
        scenario.Networks.Remove("app_default");

        var plan = scenario.Plan();

        Assert.Empty(plan.Steps);
        Assert.Equal(Somebody.Until, plan.WakeAt);
        Assert.Equal(
            [ServiceState.Failed, ServiceState.Unhealthy, ServiceState.Failed],
            plan.Services.Take(3).Select(s => s.State)
        );
        Assert.All(
            plan.Services.Take(3),
            s =>
                Assert.Contains(
                    "is left as it is: uid:0 (root) holds the appliance for maintenance (disk swap)",
                    s.Explanation
                )
        );
    }

    [Fact]
    public void Under_a_hold_what_a_person_asks_for_is_done_and_so_is_what_is_under_way()
    {
        var asked = new Scenario().Service("web").Container("web", c => Exited(c, 1, Second, Hour));
        (asked.Hold, asked.Asked[new Slot("web", 1)]) = (Somebody, "uid:0 asked for it");
        Assert.IsType<Step.Start>(Assert.Single(asked.Plan().Steps));

        var stopped = new Scenario().Service("web").Container("web");
        (stopped.Hold, stopped.Stopped["web"]) = (Somebody, new StopWish("web", Now, "uid:0", ""));
        Assert.IsType<Step.Stop>(Assert.Single(stopped.Plan().Steps));

        var changing = new Scenario().Service("web");
        (changing.Hold, changing.UnderWay) = (Somebody, "op-3");
        Assert.IsType<Step.Create>(Assert.Single(changing.Plan().Steps));
    }

    [Fact]
    public void A_person_gets_other_containers_one_after_the_other_and_each_only_once()
    {
        var scenario = new Scenario()
            .Service("web", replicas: 2)
            .With(s => s with { Routes = [Route], Exchange = s.Exchange with { Settled = Second } })
            .Container("web")
            .Container("web", replica: 2);
        foreach (var slot in (Slot[])[new("web", 1), new("web", 2)])
        {
            scenario.Asked[slot] = "uid:0 asked for other containers";
            scenario.AskedAnew.Add(slot);
        }
        foreach (var id in (string[])["web1-id-0123456789", "web2-id-0123456789"])
            scenario.ReadySince[id] = Now - Hour;

        var recreate = Assert.IsType<Step.Recreate>(Assert.Single(scenario.Plan().Steps));
        Assert.Equal(("app-web-1", true, null), (recreate.Name, recreate.Asked, recreate.Streak));

        // The first is gone, and wants to be started: the other one still serves.
        var emptied = new Scenario()
            .Service("web", replicas: 2)
            .With(s => s with { Routes = [Route], Exchange = s.Exchange with { Settled = Second } })
            .Container("web", replica: 2);
        emptied.Asked[new Slot("web", 1)] = emptied.Asked[new Slot("web", 2)] = "uid:0 asked for other containers";
        emptied.AskedAnew.Add(new Slot("web", 2));
        Assert.IsType<Step.Create>(Assert.Single(emptied.Plan().Steps));
    }

    [Fact]
    public void A_person_who_asks_for_another_container_where_one_would_lose_data_is_told_why_not()
    {
        var scenario = new Scenario().Service("web").Container("web", c => c with { HasUnnamedVolume = true });
        scenario.Asked[new Slot("web", 1)] = "uid:0 asked for other containers";
        scenario.AskedAnew.Add(new Slot("web", 1));

        var plan = scenario.Plan();

        Assert.Empty(plan.Steps);
        Assert.Contains("keeps data in a volume without a name", plan.Services[0].Slots[0].Denial);
    }

    private static Scenario Ending(int tries, Func<ObservedContainer, ObservedContainer>? change = null)
    {
        var scenario = new Scenario()
            .Service("web")
            .Container("web", c => Exited(change is null ? c : change(c), 1, Second, Hour));
        scenario.Restarts["web/1"] = Tried(tries, Now - Hour);
        return scenario;
    }

    private static Scenario Unhealthy(int tries, string output = "HTTP 500", string causes = "Unhealthy")
    {
        var scenario = new Scenario()
            .Service("web")
            .Container(
                "web",
                c =>
                    c with
                    {
                        Health = HealthState.Unhealthy,
                        HealthOutput = output,
                        StartedAt = Now - TimeSpan.FromMinutes(5),
                    }
            );
        scenario.Restarts["web/1"] = Tried(tries, Now - TimeSpan.FromMinutes(5), causes);
        return scenario;
    }

    private static RestartRecord Tried(int times, DateTimeOffset last, string causes = "Ended") =>
        new("web/1", times, times, last, last, "") { Causes = times > 0 ? causes : "" };
}
