using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Healing;

/// <summary>The appliance as a whole: what wakes it, what is on record before it is done, and what is told.</summary>
public sealed class HealerTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly HealingRoom room = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_engine_that_hangs_is_restarted_when_its_time_is_up_without_anything_else_happening()
    {
        room.Supervisor.View = Hanging();
        await room.Healer.StartAsync(Ct);

        await Eventually.TrueAsync(
            "the engine is restarted",
            () =>
            {
                room.Clock.Advance(TimeSpan.FromSeconds(10));
                return room.Remedies.Taken.Count > 0;
            },
            Ct
        );

        Assert.Equal("RestartEngine: the engine hangs: no answer", Assert.Single(room.Remedies.Taken));
        Assert.Contains("healing.acted: the engine hangs: no answer -> restarting the engine", room.Events);
        await room.Healer.StopAsync(Ct);
    }

    [Fact]
    public async Task What_is_done_is_on_record_before_and_is_not_done_again_before_its_time()
    {
        room.Clock.Advance(5 * Minute);
        room.Supervisor.View = Hanging();
        room.Clock.Advance(2 * Minute);
        room.Remedies.Gate = new TaskCompletionSource();
        var look = room.Healer.LookAsync(room.Supervisor.View, Ct);
        Assert.Equal("restart-engine", Assert.Single(room.Ledger.All).Rung);
        room.Remedies.Gate.SetResult();
        await look;

        await room.Healer.LookAsync(room.Supervisor.View, Ct);
        Assert.Single(room.Remedies.Taken);
        room.Clock.Advance(5 * Minute);
        await room.Healer.LookAsync(room.Supervisor.View, Ct);
        Assert.Equal(2, room.Remedies.Taken.Count);
    }

    [Fact]
    public async Task After_two_restarts_in_vain_the_machine_is_rebooted_once()
    {
        room.Supervisor.View = Hanging();
        for (var i = 0; i < 24 * 60; i++)
        {
            room.Clock.Advance(Minute);
            await room.Healer.LookAsync(room.Supervisor.View, Ct);
        }

        Assert.Equal(
            ["RestartEngine", "RestartEngine", "Reboot"],
            room.Remedies.Taken.Take(3).Select(t => t.Split(':')[0])
        );
        Assert.Single(room.Remedies.Taken, t => t.StartsWith("Reboot", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_clock_that_is_put_forward_does_not_make_a_boot_longer_ago()
    {
        room.Uptime = Minute;
        room.Supervisor.View = Hanging();
        room.Clock.Advance(TimeSpan.FromDays(1));

        await room.Healer.LookAsync(room.Supervisor.View, Ct);
        Assert.Empty(room.Remedies.Taken);

        room.Uptime = 5 * Minute;
        await room.Healer.LookAsync(room.Supervisor.View, Ct);
        Assert.Single(room.Remedies.Taken);
    }

    [Fact]
    public async Task What_did_not_work_is_told_and_a_refusal_is_told_once_for_each_change()
    {
        room.Remedies.Failure = "the unit is masked";
        room.Supervisor.View = Hanging();
        room.Clock.Advance(10 * Minute);
        await room.Healer.LookAsync(room.Supervisor.View, Ct);
        Assert.Contains(
            "healing.failed: the engine hangs: no answer -> restarting the engine did not work: the unit is masked",
            room.Events
        );

        room.Maintenance.Begin("uid:0 (root)", "", length: null);
        for (var i = 0; i < 5; i++)
        {
            room.Clock.Advance(10 * Minute);
            await room.Healer.LookAsync(room.Supervisor.View, Ct);
        }
        Assert.Single(room.Events, e => e.StartsWith("healing.refused", StringComparison.Ordinal));
        Assert.Single(room.Remedies.Taken);
    }

    [Fact]
    public async Task A_hold_ends_by_itself_when_its_time_is_up()
    {
        room.Maintenance.Begin("uid:0 (root)", "disk swap", TimeSpan.FromHours(2));
        Assert.Equal(
            room.Clock.GetUtcNow() + TimeSpan.FromHours(2),
            await room.Healer.LookAsync(room.Supervisor.View, Ct)
        );

        room.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Null(room.Maintenance.Current);
        await room.Healer.LookAsync(room.Supervisor.View, Ct);

        Assert.Null(room.Holds.Last);
        Assert.Contains(
            room.Events,
            e => e.StartsWith("maintenance.released: the time is up", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void A_hold_outlives_the_agent_and_is_as_long_as_it_was_meant_when_the_clock_is_set()
    {
        room.Holds.Put("uid:0 (root)", "", TimeSpan.FromHours(2));
        room.Holds.Shift(TimeSpan.FromDays(365));

        Assert.Equal(
            room.Clock.GetUtcNow() + TimeSpan.FromDays(365) + TimeSpan.FromHours(2),
            room.Holds.Current!.Until
        );
    }

    [Fact]
    public void There_is_no_hold_while_an_operation_is_under_way()
    {
        room.BeginOperation();

        Assert.Equal("op-1 is under way; wait for it, or cancel it", room.Maintenance.Begin("uid:0", "", null));
        Assert.Null(room.Maintenance.Current);
    }

    [Fact]
    public void There_is_no_hold_while_a_drill_is_under_way()
    {
        room.BeginDrill();

        Assert.Equal("drill-1 is under way; wait for it, or cancel it", room.Maintenance.Begin("uid:0", "", null));
        Assert.Null(room.Maintenance.Current);
    }

    [Fact]
    public async Task A_drill_is_not_begun_while_a_hold_begins()
    {
        // From where the hold has seen that nothing is under way, until it is on record.
        Task<Drill?>? drill = null;
        room.Clock.OnRead = () =>
        {
            room.Clock.OnRead = null;
            drill = Task.Run(() => room.Holds.Alone(() => room.Holds.Current is null ? room.BeginDrill() : null));
            SpinWait.SpinUntil(() => drill.IsCompleted, TimeSpan.FromMilliseconds(200));
        };

        Assert.Null(room.Maintenance.Begin("uid:0", "", null));

        Assert.Null(await drill!);
        Assert.NotNull(room.Maintenance.Current);
    }

    [Fact]
    public async Task What_has_to_wait_for_something_else_is_told_once_and_costs_nothing()
    {
        room.Commit("1.0.0");
        room.Commit("2.0.0");
        room.Supervisor.View = Situations.Well.WithAilment(Cause.Ended, 9, isPastRepair: true, mayFallBack: true).View;
        room.Remedies.Busy = "uid:0 is sending a bundle; wait for it, or cancel it";
        for (var i = 0; i < 3; i++)
        {
            await room.Healer.LookAsync(room.Supervisor.View, Ct);
            room.Clock.Advance(Minute);
        }
        Assert.Empty(room.Ledger.All);
        Assert.EndsWith(
            "going back to the release before was next, and is not done: uid:0 is sending a bundle; wait for it, or cancel it",
            Assert.Single(room.Events)
        );

        room.Remedies.Busy = null;
        room.BeginDrill();
        await room.Healer.LookAsync(room.Supervisor.View, Ct);
        Assert.EndsWith("is not done: drill-1 is under way", room.Events[^1]);
        Assert.Empty(room.Remedies.Taken);

        room.Drills.End(1, DrillState.Done, "", "");
        await room.Healer.LookAsync(room.Supervisor.View, Ct);
        Assert.StartsWith("PreviousRelease: ", Assert.Single(room.Remedies.Taken));
        Assert.Equal("previous-release", Assert.Single(room.Ledger.All).Rung);
    }

    [Fact]
    public void What_ails_the_machine_is_told_when_it_comes_and_when_it_goes_and_supervision_knows()
    {
        room.Problems.Set("disk", new MachineProblem(Cause.DiskFull, "the disk of /data is full: 3 MiB are left"));
        room.Problems.Set("disk", new MachineProblem(Cause.DiskFull, "the disk of /data is full: 2 MiB are left"));
        Assert.Equal(Cause.DiskFull, Assert.Single(room.Supervisor.View.Problems).Cause);

        room.Problems.Set("disk", null);
        room.Problems.Set("disk", null);

        Assert.Empty(room.Supervisor.View.Problems);
        Assert.Equal(["machine.problem", "machine.recovered"], room.Events.Select(e => e.Split(':')[0]));
    }

    public void Dispose() => room.Dispose();

    private SupervisionView Hanging() =>
        Views.Of(Views.Service("web")) with
        {
            Engine = Views.Reachable with
            {
                Reachable = false,
                Hangs = true,
                Since = room.Clock.GetUtcNow(),
                Error = "no answer",
            },
        };
}
