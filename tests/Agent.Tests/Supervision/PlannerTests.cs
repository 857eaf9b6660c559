using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using static Appliance.Agent.Tests.Supervision.Scenario;

namespace Appliance.Agent.Tests.Supervision;

public sealed class PlannerTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public void What_matches_is_left_alone()
    {
        var plan = new Scenario().Service("web").Container("web").Plan();

        Assert.Empty(plan.Steps);
        Assert.Equal(ServiceState.Running, plan.Services[0].State);
    }

    [Fact]
    public void A_missing_container_is_made_and_its_absence_is_drift_only_when_it_was_there_before()
    {
        var first = Assert.IsType<Step.Create>(Assert.Single(new Scenario().Service("web").Plan().Steps));
        var again = Assert.IsType<Step.Create>(
            Assert.Single(new Scenario().Service("web").Seen("app-web-1").Plan().Steps)
        );

        Assert.False(first.Again);
        Assert.Equal("app-web-1 does not exist yet", first.Found);
        Assert.True(again.Again);
        Assert.Equal("app-web-1 was gone", again.Found);
    }

    [Fact]
    public void A_container_that_died_after_a_long_run_is_started_at_once()
    {
        var plan = new Scenario().Service("web").Container("web", c => Exited(c, 137, Hour, Second)).Plan();

        var start = Assert.IsType<Step.Start>(Assert.Single(plan.Steps));
        Assert.Equal(0, start.Streak);
        Assert.Equal("app-web-1 exited with code 137 (killed by SIGKILL)", start.Found);
    }

    [Fact]
    public void A_container_that_keeps_dying_waits_longer_each_time_and_is_never_given_up()
    {
        var waits = new List<TimeSpan>();
        for (var streak = 1; streak <= 40; streak++)
        {
            var scenario = new Scenario().Service("web").Container("web", c => Exited(c, 1, Second, TimeSpan.Zero));
            scenario.Restarts["web/1"] = new RestartRecord("web/1", streak, streak, Now, Now, "");
            var plan = scenario.Plan();

            Assert.Empty(plan.Steps);
            Assert.Equal(ServiceState.BackingOff, plan.Services[0].State);
            waits.Add(plan.WakeAt!.Value - Now);
        }

        Assert.InRange(waits[0], Second * 0.8, Second * 1.2);
        Assert.InRange(waits[3], Second * 6.4, Second * 9.6);
        Assert.All(waits[6..], w => Assert.InRange(w, Second * 48, Second * 72));
    }

    [Fact]
    public void A_long_run_forgives_the_failures_before_it()
    {
        var scenario = new Scenario().Service("web").Container("web", c => Exited(c, 1, Hour, TimeSpan.Zero));
        scenario.Restarts["web/1"] = new RestartRecord("web/1", 9, 9, Now - Hour, Now - Hour, "");

        Assert.Equal(0, Assert.IsType<Step.Start>(Assert.Single(scenario.Plan().Steps)).Streak);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(143)]
    [InlineData(255)]
    public void What_the_machine_took_down_is_started_at_once_whatever_was_before(int code)
    {
        var scenario = new Scenario { BootedAt = Now - Second }
            .Service("web")
            .Container("web", c => Exited(c, code, Second, Second));
        scenario.Restarts["web/1"] = new RestartRecord("web/1", 9, 9, Now - Second, Now, "");

        var start = Assert.IsType<Step.Start>(Assert.Single(scenario.Plan().Steps));
        Assert.Null(start.Streak);
        Assert.False(start.Again);
        Assert.True(start.Forgives);
        Assert.Equal("app-web-1 ended when the machine went down", start.Found);
    }

    [Fact]
    public void What_a_person_stopped_stays_stopped_over_a_boot()
    {
        var scenario = new Scenario { BootedAt = Now - Second }
            .Service("web")
            .Container("web", c => Exited(c, 143, Hour, Second * 2));
        scenario.Stopped["web"] = new StopWish("web", Now - Hour, "uid:0", "");

        Assert.Empty(scenario.Plan().Steps);
    }

    [Fact]
    public void A_one_shot_that_had_ended_before_the_machine_went_down_is_left_alone()
    {
        var plan = new Scenario { BootedAt = Now - Second }
            .Service("done", RestartRule.OnFailure)
            .Service("failed", RestartRule.Never)
            .Container("done", c => Exited(c, 0, Second, Hour))
            .Container("failed", c => Exited(c, 1, Second, Hour))
            .Plan();

        Assert.Empty(plan.Steps);
        Assert.Equal([ServiceState.Completed, ServiceState.Failed], plan.Services.Select(s => s.State));
    }

    [Theory]
    [InlineData("on-failure", 0)]
    [InlineData("on-failure", 255)]
    [InlineData("no", 255)]
    public void A_one_shot_that_a_power_cut_ended_runs_again_whatever_code_the_engine_makes_up(string restart, int code)
    {
        foreach (var looked in (DateTimeOffset?[])[null, Now])
        {
            var plan = new Scenario { BootedAt = Now - Second }
                .Service("job", restart is "no" ? RestartRule.Never : RestartRule.OnFailure)
                .Container("job", c => Exited(c, code, Hour, Second * 2) with { FinishedAt = looked })
                .Plan();

            Assert.IsType<Step.Start>(Assert.Single(plan.Steps));
            Assert.Empty(plan.Completed);
        }
    }

    [Fact]
    public void A_one_shot_that_the_agent_stopped_for_the_machine_runs_again_and_then_counts_as_ever()
    {
        var scenario = new Scenario()
            .Service("job", RestartRule.OnFailure)
            .Container("job", c => Exited(c, 0, Hour, Second));
        var started = Now - Hour - Second;
        scenario.Restarts["job/1"] = Excused("job/1", started, Now - Second * 2);
        Assert.IsType<Step.Start>(Assert.Single(scenario.Plan().Steps));

        scenario.Restarts["job/1"] = Excused("job/1", started - Hour, Now - Hour * 2);
        Assert.Equal(ServiceState.Completed, scenario.Plan().Services[0].State);
    }

    [Fact]
    public void An_excuse_is_for_one_run_also_when_the_clock_is_put_back_after_it()
    {
        var scenario = new Scenario()
            .Service("web")
            .Service("job", RestartRule.OnFailure)
            .Container("web", c => Exited(c, 1, Second, Second))
            .Container("job", c => Exited(c, 0, Second, Second));
        scenario.Restarts["web/1"] = Excused("web/1", Now + Hour, Now + Hour * 2);
        scenario.Restarts["job/1"] = Excused("job/1", Now + Hour, Now + Hour * 2);
        var plan = scenario.Plan();

        Assert.Equal(0, Assert.IsType<Step.Start>(Assert.Single(plan.Steps)).Streak);
        Assert.Equal("job/1", Assert.Single(plan.Completed).Slot);
    }

    [Theory]
    [InlineData("on-failure", "Completed")]
    [InlineData("always", "Starting")]
    public void What_ended_before_its_turn_to_be_stopped_came_to_its_end_by_itself(string restart, string state)
    {
        var scenario = new Scenario()
            .Service("job", restart is "always" ? RestartRule.Always : RestartRule.OnFailure)
            .Container("job", c => Exited(c, 0, Hour, Second * 2));
        scenario.Restarts["job/1"] = Excused("job/1", Now - Hour - Second * 2, Now - Second);

        Assert.Equal(state, scenario.Plan().Services[0].State.ToString());
    }

    [Fact]
    public void A_one_shot_that_is_done_does_not_run_again_although_a_clock_put_right_moves_it_before_the_boot()
    {
        var scenario = new Scenario { BootedAt = Now - Second }
            .Service("migrate", RestartRule.OnFailure)
            .Container("migrate", c => Exited(c, 0, Hour, Second * 2) with { FinishedAt = Now });
        scenario.Completions["migrate/1"] = new Completion("migrate/1", "hash", Now, 0);

        Assert.Empty(scenario.Plan().Steps);
        Assert.Equal(ServiceState.Completed, scenario.Plan().Services[0].State);
    }

    private static RestartRecord Excused(string slot, DateTimeOffset started, DateTimeOffset at) =>
        new(slot, 0, 0, started, at, SlotPlanner.MachineWentDown);

    [Fact]
    public void A_one_shot_that_ended_well_is_completed_and_remembered()
    {
        var plan = new Scenario()
            .Service("migrate", RestartRule.OnFailure)
            .Container("migrate", c => Exited(c, 0, Second, Second))
            .Plan();

        Assert.Empty(plan.Steps);
        Assert.Equal(ServiceState.Completed, plan.Services[0].State);
        Assert.Equal("migrate/1", Assert.Single(plan.Completed).Slot);
    }

    [Fact]
    public void A_completed_one_shot_whose_container_was_removed_does_not_run_again()
    {
        var scenario = new Scenario().Service("migrate", RestartRule.OnFailure);
        scenario.Completions["migrate/1"] = new Completion("migrate/1", "hash", Now, 0);

        Assert.Empty(scenario.Plan().Steps);
    }

    [Fact]
    public void A_completed_one_shot_runs_again_when_a_person_asks_for_it()
    {
        var scenario = new Scenario().Service("migrate", RestartRule.OnFailure);
        scenario.Completions["migrate/1"] = new Completion("migrate/1", "hash", Now, 0);
        scenario.Asked[new Slot("migrate", 1)] = "root asked for a restart";

        Assert.IsType<Step.Create>(Assert.Single(scenario.Plan().Steps));
    }

    [Fact]
    public void A_completed_one_shot_of_another_release_runs_again()
    {
        var scenario = new Scenario().Service("migrate", RestartRule.OnFailure, hash: "new");
        scenario.Completions["migrate/1"] = new Completion("migrate/1", "hash", Now, 0);

        Assert.IsType<Step.Create>(Assert.Single(scenario.Plan().Steps));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void On_the_way_back_a_one_shot_that_had_completed_does_not_run_again(bool nextStillRuns)
    {
        var scenario = new Scenario()
            .Service("migrate", RestartRule.OnFailure)
            .Container(
                "migrate",
                c =>
                    c with
                    {
                        ConfigHash = "of the next release",
                        State = nextStillRuns ? RunState.Running : RunState.Exited,
                    }
            );
        scenario.Completions["migrate/1"] = new Completion("migrate/1", "hash", Now, 0);
        var plan = scenario.Plan();

        Assert.IsType<Step.Remove>(Assert.Single(plan.Steps));
        Assert.Equal(nextStillRuns ? ServiceState.Pending : ServiceState.Completed, plan.Services[0].State);
    }

    [Fact]
    public void A_one_shot_that_failed_is_tried_again_unless_the_release_says_no()
    {
        var onFailure = new Scenario()
            .Service("job", RestartRule.OnFailure)
            .Container("job", c => Exited(c, 3, Second, Second))
            .Plan();
        var never = new Scenario()
            .Service("job", RestartRule.Never)
            .Container("job", c => Exited(c, 3, Second, Second))
            .Plan();

        Assert.IsType<Step.Start>(Assert.Single(onFailure.Steps));
        Assert.Empty(never.Steps);
        Assert.Equal(ServiceState.Failed, never.Services[0].State);
        Assert.Contains("appliancectl services restart job", never.Services[0].Explanation);
    }

    [Fact]
    public void What_a_person_stopped_stays_stopped()
    {
        var scenario = new Scenario().Service("web").Container("web", c => Exited(c, 0, Hour, Second));
        scenario.Stopped["web"] = new StopWish("web", Now, "uid:0 (root)", "maintenance");
        var plan = scenario.Plan();

        Assert.Empty(plan.Steps);
        Assert.Equal(ServiceState.Stopped, plan.Services[0].State);
        Assert.Contains("uid:0 (root) (maintenance)", plan.Services[0].Explanation);
    }

    [Fact]
    public void A_running_container_of_a_stopped_service_is_stopped()
    {
        var scenario = new Scenario().Service("web").Container("web");
        scenario.Stopped["web"] = new StopWish("web", Now, "root", "");

        Assert.IsType<Step.Stop>(Assert.Single(scenario.Plan().Steps));
    }

    [Fact]
    public void A_service_waits_until_its_dependency_is_healthy_and_says_so()
    {
        var plan = new Scenario()
            .Service("db")
            .Service("web", needs: ("db", DependencyCondition.Healthy))
            .Container("db", c => c with { Health = HealthState.Starting })
            .Plan();

        Assert.Empty(plan.Steps);
        Assert.Equal(ServiceState.Waiting, plan.Services[1].State);
        Assert.Equal("Waiting for db to be healthy; db is starting.", plan.Services[1].Explanation);
    }

    [Fact]
    public void What_is_sick_beside_a_sick_dependency_is_not_restarted_whatever_it_waits_for_at_its_start()
    {
        var plan = new Scenario()
            .Service("db")
            .Service("web", needs: ("db", DependencyCondition.Started))
            .Container("db", c => c with { Health = HealthState.Unhealthy })
            .Container("web", c => c with { Health = HealthState.Unhealthy })
            .Plan();

        Assert.Equal("db", Assert.IsType<Step.Restart>(Assert.Single(plan.Steps)).Slot?.Service);
        Assert.Contains("It is not restarted, because it needs db to be well", plan.Services[1].Explanation);
    }

    [Fact]
    public void A_service_starts_once_what_it_waits_for_has_completed()
    {
        var waiting = new Scenario()
            .Service("migrate", RestartRule.OnFailure)
            .Service("web", needs: ("migrate", DependencyCondition.CompletedSuccessfully))
            .Container("migrate");
        Assert.Empty(waiting.Plan().Steps);

        var ready = new Scenario()
            .Service("migrate", RestartRule.OnFailure)
            .Service("web", needs: ("migrate", DependencyCondition.CompletedSuccessfully))
            .Container("migrate", c => Exited(c, 0, Second, Second));
        Assert.IsType<Step.Create>(Assert.Single(ready.Plan().Steps));
    }

    [Fact]
    public void What_runs_on_a_network_of_other_settings_is_not_as_wanted_yet()
    {
        var scenario = new Scenario().Service("web").Container("web");
        scenario.Networks["app_default"] = new ObservedNetwork("net0", "app_default", "other settings", true);
        var replacing = scenario.Plan();
        Assert.Equal(ServiceState.Starting, replacing.Services[0].State);
        Assert.IsType<Step.ReplaceNetwork>(Assert.Single(replacing.Steps));

        scenario.Networks.Clear();
        Assert.Equal(ServiceState.Starting, scenario.Plan().Services[0].State);
    }

    [Fact]
    public void A_renamed_service_does_not_run_beside_its_predecessor()
    {
        var release = SampleRelease.Of(
            "services: {postgres: {image: db:1, volumes: [\"data:/data\"]}}\nvolumes: {data: {}}"
        );
        Scenario Engine(RunState state) =>
            new Scenario().Container(
                "db",
                c =>
                    c with
                    {
                        State = state,
                        Claims = new HashSet<string> { "contents of app_data" },
                    }
            );

        var before = Engine(RunState.Running).Plan(release.Desired());
        Assert.Equal(ServiceState.Waiting, before.Services[0].State);
        Assert.Equal(
            "Waiting for app-db-1, which is being removed, to give up the contents of app_data.",
            before.Services[0].Explanation
        );
        Assert.Contains(before.Steps, s => s is Step.Remove { Name: "app-db-1" });
        var after = Engine(RunState.Exited).Plan(release.Desired());
        Assert.NotEqual(ServiceState.Waiting, after.Services[0].State);
    }

    [Fact]
    public void An_unhealthy_container_is_restarted()
    {
        var plan = new Scenario()
            .Service("web")
            .Container("web", c => c with { Health = HealthState.Unhealthy, HealthOutput = "no route" })
            .Plan();

        var restart = Assert.IsType<Step.Restart>(Assert.Single(plan.Steps));
        Assert.Equal("app-web-1 was unhealthy: no route", restart.Found);
    }

    [Fact]
    public void What_is_sick_because_its_dependency_is_sick_is_not_restarted()
    {
        var plan = new Scenario()
            .Service("db")
            .Service("web", needs: ("db", DependencyCondition.Healthy))
            .Container("db", c => c with { Health = HealthState.Unhealthy })
            .Container("web", c => c with { Health = HealthState.Unhealthy })
            .Plan();

        Assert.Equal("app-db-1", Assert.Single(plan.Steps).Subject);
        Assert.Equal(ServiceState.Unhealthy, plan.Services[1].State);
        Assert.Contains("not restarted, because it needs db to be healthy", plan.Services[1].Explanation);
    }

    [Fact]
    public void A_probed_container_is_not_running_before_the_probe_has_said_so()
    {
        var scenario = new Scenario().Service("web", probed: true).Container("web");
        Assert.Equal(ServiceState.Starting, scenario.Plan().Services[0].State);

        scenario.Verdicts["web1-id-0123456789"] = new HealthVerdict(
            "web1-id-0123456789",
            Now.AddMinutes(-10),
            [new TcpProbe(80, ProbeTiming.Default)],
            HealthState.Healthy,
            ""
        );
        Assert.Equal(ServiceState.Running, scenario.Plan().Services[0].State);
    }

    [Fact]
    public void A_verdict_about_an_earlier_run_counts_for_nothing()
    {
        var scenario = new Scenario().Service("web", probed: true).Container("web");
        scenario.Verdicts["web1-id-0123456789"] = new HealthVerdict(
            "web1-id-0123456789",
            Now - Hour,
            [new TcpProbe(80, ProbeTiming.Default)],
            HealthState.Healthy,
            ""
        );

        Assert.Equal(ServiceState.Starting, scenario.Plan().Services[0].State);
    }

    [Fact]
    public void A_verdict_of_other_probes_counts_for_nothing()
    {
        var scenario = new Scenario().Service("web", probed: true).Container("web");
        scenario.Verdicts["web1-id-0123456789"] = new HealthVerdict(
            "web1-id-0123456789",
            Now.AddMinutes(-10),
            [new TcpProbe(81, ProbeTiming.Default)],
            HealthState.Healthy,
            ""
        );

        Assert.Equal(ServiceState.Starting, scenario.Plan().Services[0].State);
    }

    [Fact]
    public void Each_drift_has_its_own_repair()
    {
        Assert.IsType<Step.Unpause>(Only(c => c with { State = RunState.Paused }));
        Assert.IsType<Step.TakeOverRestarts>(Only(c => c with { EngineRestartPolicy = "always" }));
        Assert.IsType<Step.Rename>(Only(c => c with { Name = "somebody" }));
        Assert.IsType<Step.Connect>(Only(c => c with { Networks = new Dictionary<string, string>() }));
        Assert.IsType<Step.Connect>(
            Only(c =>
                c with
                {
                    Networks = new Dictionary<string, string> { ["app_default"] = "a network that is gone" },
                }
            )
        );
        Assert.IsType<Step.Remove>(Only(c => c with { State = RunState.Dead }));
        Assert.IsType<Step.Start>(Only(c => c with { State = RunState.Created, StartedAt = null }));

        static Step Only(Func<ObservedContainer, ObservedContainer> change) =>
            Assert.Single(new Scenario().Service("web").Container("web", change).Plan().Steps);
    }

    [Fact]
    public void A_container_without_labels_is_set_aside_replaced_and_removed_in_that_order()
    {
        static ObservedContainer Impostor(ObservedContainer c) =>
            c with
            {
                Id = "impostor-0123",
                Ours = false,
                ConfigHash = null,
            };

        var aside = Assert.IsType<Step.Rename>(
            Assert.Single(new Scenario().Service("web").Container("web", Impostor).Plan().Steps)
        );
        Assert.Equal("app-web-1-old-impost", aside.To);

        var create = new Scenario().Service("web").Container("web", c => Impostor(c) with { Name = aside.To }).Plan();
        Assert.IsType<Step.Create>(Assert.Single(create.Steps));

        var switching = new Scenario()
            .Service("web")
            .Container("web", c => Impostor(c) with { Name = aside.To })
            .Container("web", c => c with { State = RunState.Created, StartedAt = null })
            .Plan();
        Assert.Equal("impostor-0123", Assert.IsType<Step.Switch>(Assert.Single(switching.Steps)).OldId);

        var removal = new Scenario()
            .Service("web")
            .Container("web", c => Exited(Impostor(c), 0, Hour, Second) with { Name = aside.To })
            .Container("web")
            .Plan();
        Assert.Equal("impostor-0123", Assert.IsType<Step.Remove>(Assert.Single(removal.Steps)).Id);
    }

    [Fact]
    public void A_predecessor_is_kept_until_its_successor_is_healthy()
    {
        var plan = new Scenario()
            .Service("web")
            .Container(
                "web",
                c =>
                    Exited(c, 0, Hour, Second) with
                    {
                        Id = "old-012345",
                        ConfigHash = "old",
                        Name = "app-web-1-old-old-01",
                    }
            )
            .Container("web", c => c with { Health = HealthState.Starting })
            .Plan();

        Assert.Empty(plan.Steps);
    }

    [Fact]
    public void A_container_of_no_service_and_a_surplus_replica_are_removed()
    {
        var plan = new Scenario().Service("web").Container("web").Container("web", replica: 2).Container("gone").Plan();

        Assert.Equal(["app-web-2", "app-gone-1"], plan.Steps.OfType<Step.Remove>().Select(s => s.Name));
    }

    [Fact]
    public void A_lane_with_a_step_under_way_gets_no_other()
    {
        var scenario = new Scenario().Service("web").Container("web", c => Exited(c, 1, Hour, Second));
        scenario.InFlight["web/1"] = new Step.Start("id", "app-web-1", true, 0, "it died");

        Assert.Empty(scenario.Plan().Steps);
    }

    [Fact]
    public void A_step_that_failed_is_taken_again_when_its_time_has_come()
    {
        var scenario = new Scenario().Service("web");
        scenario.Failures["web/1"] = new StepFailure("port is already allocated", 2, Now + Second);
        var held = scenario.Plan();
        Assert.Empty(held.Steps);
        Assert.Equal(Now + Second, held.WakeAt);
        Assert.Contains("port is already allocated", held.Services[0].Explanation);

        scenario.Failures["web/1"] = new StepFailure("port is already allocated", 2, Now);
        Assert.IsType<Step.Create>(Assert.Single(scenario.Plan().Steps));
    }

    [Fact]
    public void A_missing_image_is_loaded_before_a_container_is_made_and_a_lost_tag_is_put_back()
    {
        var missing = new Scenario().Service("web");
        missing.Images.Clear();
        missing.Tags.Clear();
        Assert.IsType<Step.LoadImage>(Assert.Single(missing.Plan().Steps));

        var untagged = new Scenario().Service("web").Container("web");
        untagged.Tags.Clear();
        Assert.Equal("sha256:image", Assert.IsType<Step.TagImage>(Assert.Single(untagged.Plan().Steps)).Image.Id);
    }

    [Fact]
    public void A_person_s_restart_counts_against_nobody_and_needs_no_wait()
    {
        var scenario = new Scenario().Service("web").Container("web");
        scenario.Asked[new Slot("web", 1)] = "root asked for a restart";

        Assert.Null(Assert.IsType<Step.Restart>(Assert.Single(scenario.Plan().Steps)).Streak);
    }

    [Fact]
    public void A_network_with_other_settings_is_replaced_before_anybody_joins_it()
    {
        var scenario = new Scenario()
            .Service("web")
            .Container("web", c => c with { Networks = new Dictionary<string, string>() });
        scenario.Networks["app_default"] = new ObservedNetwork("net1", "app_default", "other settings", true);

        Assert.IsType<Step.ReplaceNetwork>(Assert.Single(scenario.Plan().Steps));
    }

    [Fact]
    public void Nobody_joins_a_network_that_is_being_replaced()
    {
        var scenario = new Scenario()
            .Service("web")
            .Container("web", c => c with { Networks = new Dictionary<string, string>() });
        scenario.InFlight["network app_default"] = new Step.RemoveNetwork("net1", "app_default", "test");

        Assert.Empty(scenario.Plan().Steps);
    }

    [Fact]
    public void What_belongs_to_somebody_else_is_left_alone_and_said()
    {
        var network = new Scenario().Service("web");
        network.Networks["app_default"] = new ObservedNetwork("net1", "app_default", null, Ours: false);
        var plan = network.Plan();
        Assert.Empty(plan.Steps);
        Assert.Equal(ServiceState.Failed, plan.Services[0].State);
        Assert.Contains("was not made by the agent", plan.Services[0].Explanation);

        var container = new Scenario()
            .Service("web")
            .Container("web", c => c with { Slot = null, Ours = false, ForeignOwner = "shop" })
            .Plan();
        Assert.Empty(container.Steps);
        Assert.Contains("taken by a container of shop", container.Services[0].Explanation);
    }

    [Fact]
    public void A_clock_that_was_set_back_makes_nothing_wait()
    {
        var died = new Scenario().Service("web").Container("web", c => Exited(c, 1, Second, TimeSpan.Zero));
        died.Restarts["web/1"] = new RestartRecord("web/1", 2, 2, Now.AddDays(1), Now.AddDays(1), "");
        Assert.IsType<Step.Start>(Assert.Single(died.Plan().Steps));

        var failed = new Scenario().Service("web");
        failed.Failures["web/1"] = new StepFailure("no", 2, Now.AddDays(1));
        Assert.IsType<Step.Create>(Assert.Single(failed.Plan().Steps));
    }

    [Fact]
    public void While_a_repair_may_not_be_tried_again_the_sentence_says_why()
    {
        var scenario = new Scenario()
            .Service("web")
            .Container("web", c => c with { Networks = new Dictionary<string, string>() });
        scenario.Failures["web/1"] = new StepFailure("address already in use", 2, Now + Second);
        var plan = scenario.Plan();

        Assert.Empty(plan.Steps);
        Assert.Equal(ServiceState.BackingOff, plan.Services[0].State);
        Assert.Contains("That did not work: address already in use.", plan.Services[0].Explanation);
    }

    [Fact]
    public void A_start_that_a_person_asks_for_runs_what_had_completed()
    {
        var scenario = new Scenario()
            .Service("job", RestartRule.OnFailure)
            .Container("job", c => Exited(c, 0, Second, Second));
        scenario.Asked[new Slot("job", 1)] = "root asked for it";

        Assert.IsType<Step.Start>(Assert.Single(scenario.Plan().Steps));
    }

    [Fact]
    public void The_worst_replica_speaks_for_its_service()
    {
        var plan = new Scenario()
            .Service("web", replicas: 2)
            .Container("web")
            .Container("web", c => c with { Health = HealthState.Unhealthy }, replica: 2)
            .Plan();

        Assert.Equal(ServiceState.Unhealthy, plan.Services[0].State);
        Assert.StartsWith("1 of 2 replicas are running. Replica 2: Unhealthy", plan.Services[0].Explanation);
    }
}
