using Appliance.Agent.Healing;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Storage;
using static Appliance.Agent.Tests.Healing.Situations;

namespace Appliance.Agent.Tests.Healing;

public sealed class TriageTests
{
    private const string Booked = "Bind for 0.0.0.0:8080 failed: port is already allocated";

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public void With_all_well_nothing_is_done_and_nothing_is_waited_for()
    {
        var ruling = Triage.Rule(Well);

        Assert.Null(ruling.Act);
        Assert.Null(ruling.WakeAt);
        Assert.Empty(ruling.Refusals);
    }

    [Fact]
    public void An_engine_that_hangs_is_restarted_once_its_time_is_up_and_one_that_is_away_has_longer()
    {
        var early = Triage.Rule(Well.WithEngine(hangs: true, Minute));
        Assert.Null(early.Act);
        Assert.Equal(Now + Minute, early.WakeAt);

        var late = Triage.Rule(Well.WithEngine(hangs: true, 2 * Minute));
        Assert.Equal((Remedy.RestartEngine, "engine-hangs"), (late.Act!.Value.Remedy, late.Act.Value.Trouble.Cause));

        Assert.Null(Triage.Rule(Well.WithEngine(hangs: false, 9 * Minute)).Act);
        var away = Triage.Rule(Well.WithEngine(hangs: false, 10 * Minute));
        Assert.Equal((Remedy.RestartEngine, "engine-away"), (away.Act!.Value.Remedy, away.Act.Value.Trouble.Cause));
    }

    [Fact]
    public void After_a_boot_an_engine_has_the_time_that_it_needs()
    {
        var booting = Well.WithEngine(hangs: true, 3 * Minute) with { BootedAt = Now - 3 * Minute };

        Assert.Null(Triage.Rule(booting).Act);
        Assert.Equal(Now + 2 * Minute, Triage.Rule(booting).WakeAt);
    }

    [Fact]
    public void A_machine_is_rebooted_only_when_its_engine_was_restarted_twice_in_vain()
    {
        var hangs = Well.WithEngine(hangs: true, 10 * Minute);
        Assert.Equal(Remedy.RestartEngine, Triage.Rule(hangs with { Spent = [Restarted(1)] }).Act!.Value.Remedy);
        Assert.Equal(Remedy.Reboot, Triage.Rule(hangs with { Spent = [Restarted(2)] }).Act!.Value.Remedy);

        // For another cause.
        Assert.Equal(
            Remedy.RestartEngine,
            Triage.Rule(hangs with { Spent = [Restarted(2) with { Cause = "engine-away" }] }).Act!.Value.Remedy
        );
        // Long ago.
        Assert.Equal(
            Remedy.RestartEngine,
            Triage
                .Rule(hangs with { Spent = [Restarted(2) with { LastAt = Now - 2 * Day, NextAt = Now - Day }] })
                .Act!.Value.Remedy
        );
    }

    [Fact]
    public void An_engine_that_was_just_restarted_because_it_hung_is_not_restarted_because_it_is_away()
    {
        var away = Well.WithEngine(hangs: false, 20 * Minute) with
        {
            Spent = [Restarted(1) with { LastAt = Now - 2 * Minute, NextAt = Now + 3 * Minute }],
        };

        var ruling = Triage.Rule(away);

        Assert.Null(ruling.Act);
        Assert.Equal(Now + 3 * Minute, ruling.WakeAt);
    }

    [Fact]
    public void Without_leave_to_reboot_the_engine_is_restarted_at_its_pace_and_it_is_said_why()
    {
        var ruling = Triage.Rule(
            Well.WithEngine(hangs: true, 10 * Minute) with
            {
                Spent = [Restarted(2)],
                Options = new HealingOptions(),
            }
        );

        Assert.Equal(Remedy.RestartEngine, ruling.Act!.Value.Remedy);
        Assert.Equal(
            (Remedy.Reboot, "healing.may-reboot is off"),
            ruling.Refusals.Select(r => (r.Remedy, r.Why)).Single()
        );
    }

    [Fact]
    public void An_engine_that_may_not_be_restarted_is_no_reason_to_reboot()
    {
        var ruling = Triage.Rule(
            Well.WithEngine(hangs: true, 10 * Minute) with
            {
                Options = new HealingOptions { MayReboot = true, MayRestartEngine = false },
            }
        );

        Assert.Null(ruling.Act);
        Assert.Equal("healing.may-restart-engine is off", Assert.Single(ruling.Refusals).Why);
    }

    [Fact]
    public void What_is_spent_is_waited_for()
    {
        var spent = Restarted(1) with { NextAt = Now + Minute };

        var ruling = Triage.Rule(Well.WithEngine(hangs: true, 10 * Minute) with { Spent = [spent] });

        Assert.Null(ruling.Act);
        Assert.Equal(Now + Minute, ruling.WakeAt);
    }

    [Fact]
    public void Nothing_is_done_during_a_hold_or_an_operation_and_both_are_said()
    {
        var hangs = Well.WithEngine(hangs: true, 10 * Minute);

        var held = Triage.Rule(hangs with { Hold = Somebody });
        Assert.Null(held.Act);
        Assert.StartsWith("uid:0 (root) holds the appliance for maintenance", Assert.Single(held.Refusals).Why);

        var changing = Triage.Rule(hangs with { UnderWay = "op-3" });
        Assert.Null(changing.Act);
        Assert.Equal("op-3 is under way", Assert.Single(changing.Refusals).Why);
    }

    [Fact]
    public void Shortly_after_a_boot_there_is_no_other()
    {
        var ill = Well.WithProblem(Cause.DiskReadOnly, 10 * Minute) with { BootedAt = Now - 10 * Minute };

        var ruling = Triage.Rule(ill);
        Assert.Null(ruling.Act);
        Assert.Equal(Now + 5 * Minute, ruling.WakeAt);

        Assert.Equal(Remedy.Reboot, Triage.Rule(ill with { BootedAt = Now - 15 * Minute }).Act!.Value.Remedy);
    }

    [Fact]
    public void Of_what_cannot_be_written_down_the_boot_is_the_only_record()
    {
        var ill = Well.WithProblem(Cause.DiskReadOnly, 10 * Minute) with
        {
            CanWrite = false,
            BootedAt = Now - 23 * 60 * Minute,
        };
        Assert.Null(Triage.Rule(ill).Act);

        Assert.Equal(Remedy.Reboot, Triage.Rule(ill with { BootedAt = Now - Day }).Act!.Value.Remedy);
    }

    [Fact]
    public void A_disk_is_read_only_for_a_while_before_that_counts() =>
        Assert.Null(Triage.Rule(Well.WithProblem(Cause.DiskReadOnly, 4 * Minute)).Act);

    [Fact]
    public void A_full_disk_reboots_nothing() =>
        Assert.Empty(Triage.Rule(Well.WithProblem(Cause.DiskFull, Day)).Troubles);

    [Fact]
    public void A_port_that_nobody_has_restarts_the_engine_and_one_that_somebody_has_does_not()
    {
        Assert.Null(Triage.Rule(Well.WithAilment(Cause.EngineBooks, 2, error: Booked)).Act);

        var ill = Well.WithAilment(Cause.EngineBooks, 3, error: Booked);
        Assert.Equal(Remedy.RestartEngine, Triage.Rule(ill).Act!.Value.Remedy);

        var held = Triage.Rule(ill with { PortHolders = new Dictionary<int, string> { [8080] = "other-1" } });
        Assert.Null(held.Act);
        Assert.Equal("port 8080 is published by other-1", Assert.Single(held.Refusals).Why);

        var fragile = ill with { View = ill.View with { Engine = ill.View.Engine with { LiveRestore = false } } };
        Assert.Contains("without live-restore", Assert.Single(Triage.Rule(fragile).Refusals).Why);
    }

    [Fact]
    public void A_release_that_cannot_be_made_well_is_left_for_the_one_before_if_it_allows_that()
    {
        Assert.Empty(Triage.Rule(Well.WithAilment(Cause.Ended, 5, mayFallBack: true)).Troubles);

        var ill = Well.WithAilment(Cause.Ended, 7, isPastRepair: true, mayFallBack: true);
        var act = Triage.Rule(ill).Act!.Value;
        Assert.Equal((Remedy.PreviousRelease, "sha256:two"), (act.Remedy, act.Trouble.Scope));
        Assert.Equal("web of demo 2.0 cannot be made well", act.Trouble.Found);
        Assert.Equal(["web"], act.Trouble.Services);

        Assert.Equal("there is no release to go back to", Why(ill with { HasPrevious = false }));
        Assert.Contains("that does not cure it", Why(ill.WithProblem(Cause.DiskFull, Minute)));
        Assert.Contains(
            "the release does not allow it",
            Why(Well.WithAilment(Cause.Ended, 7, isPastRepair: true, mayFallBack: false))
        );

        static string Why(Situation s)
        {
            var ruling = Triage.Rule(s);
            Assert.Null(ruling.Act);
            return Assert.Single(ruling.Refusals).Why;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4711)]
    public void In_a_month_of_trouble_there_is_no_loop_of_reboots(int seed)
    {
        var random = new Random(seed);
        using var scratch = new ScratchState();
        var (now, booted) = (Now, Now - Day);
        var reboots = new List<DateTimeOffset>();
        var restarts = 0;
        while (now < Now + 30 * Day)
        {
            // After each boot the agent knows what it has written down, and nothing else.
            using var state = scratch.Open();
            var ledger = new RungLedger(state.Database);
            for (var isUp = true; isUp && now < Now + 30 * Day; now += Minute)
            {
                // Whatever can be wrong takes turns.
                var s = Well with
                {
                    Now = now,
                    BootedAt = booted,
                    Spent = ledger.All,
                };
                s = random.Next(4) switch
                {
                    0 => s.WithEngine(hangs: true, 10 * Minute),
                    1 => s.WithEngine(hangs: false, 30 * Minute),
                    2 => s.WithProblem(Cause.DiskReadOnly, 10 * Minute),
                    _ => s.WithAilment(Cause.Stuck, 9, error: "did not receive an exit event"),
                };
                if (Triage.Rule(s).Act is not { } act)
                    continue;
                var what = (act.Remedy.Name(), act.Trouble.Scope, act.Trouble.Cause);
                var record = ledger.All.FirstOrDefault(r => (r.Rung, r.Scope, r.Cause) == what);
                ledger.Put(Triage.BudgetOf(act.Remedy, s.Options).Spend(record, what, now, ""));
                if (act.Remedy is Remedy.RestartEngine)
                    restarts++;
                if (act.Remedy is not Remedy.Reboot)
                    continue;
                reboots.Add(now);
                (booted, isUp) = (now + Minute, false);
            }
        }

        // Four causes, each with 1, 2, 4, 7 and 7 days between.
        Assert.InRange(reboots.Count, 4, 4 * 7);
        Assert.All(
            reboots.Zip(reboots.Skip(1)),
            pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromHours(6), $"{pair}")
        );
        Assert.InRange(restarts, 1, 3 * 30 * 8);
    }

    private static RungRecord Restarted(int times) =>
        new(
            Remedy.RestartEngine.Name(),
            "",
            "engine-hangs",
            times,
            Now - TimeSpan.FromHours(2),
            Now - TimeSpan.FromHours(1),
            Now - 10 * Minute,
            ""
        );
}
