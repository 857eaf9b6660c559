using Appliance.Agent.Healing;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;

namespace Appliance.Agent.Tests.Healing;

public sealed class ArbiterTests : IDisposable
{
    private readonly HealingRoom room = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_asked_for_is_done_and_told_with_its_reason()
    {
        Assert.Equal("restarted web", await DoneAsync(Ask(HealingAction.Restart)));
        Assert.Equal("made other containers for web", await DoneAsync(Ask(HealingAction.Recreate)));

        Assert.Equal(
            ["restart web by webhook:prometheus: WebDown", "recreate web by webhook:prometheus: WebDown"],
            room.Supervisor.Asked
        );
        Assert.Equal(
            [
                "healing.acted: webhook:prometheus asked for a restart of web (WebDown) -> restarted web",
                "healing.acted: webhook:prometheus asked for other containers for web (WebDown) -> made other containers for web",
            ],
            room.Events
        );
    }

    [Fact]
    public async Task Nothing_that_asks_by_itself_is_heard_during_a_hold_an_operation_or_against_a_wish()
    {
        Assert.Null(room.Maintenance.Begin("uid:0 (root)", "disk swap", length: null));
        Assert.StartsWith("uid:0 (root) holds the appliance", await RefusedAsync(Ask(HealingAction.Restart)));
        Assert.True(room.Maintenance.Release("uid:0 (root)"));

        room.Wishes.Stop("web", "uid:0 (root)", "");
        Assert.Equal("uid:0 (root) wants web stopped", await RefusedAsync(Ask(HealingAction.Restart)));
        room.Wishes.Clear("web");

        room.BeginOperation();
        Assert.Equal("op-1 is under way", await RefusedAsync(Ask(HealingAction.Restart)));
        Assert.Equal("op-1 is under way", await RefusedAsync(Ask(HealingAction.Reboot, "")));

        Assert.Empty(room.Supervisor.Asked);
        Assert.Equal(4, room.Events.Count(e => e.StartsWith("healing.refused", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_person_is_heard_in_a_hold_and_as_often_as_they_like()
    {
        room.Maintenance.Begin("uid:0 (root)", "", length: null);

        for (var i = 0; i < 3; i++)
            await DoneAsync(Ask(HealingAction.Restart) with { By = "uid:0 (root)", IsPersonal = true });

        Assert.Equal(3, room.Supervisor.Asked.Count);
    }

    [Fact]
    public async Task What_asks_by_itself_has_a_budget_which_time_gives_back()
    {
        await DoneAsync(Ask(HealingAction.Restart));
        Assert.Equal(
            "it was done once of late, and is not done again before 2026-01-15 12:00:30Z",
            await RefusedAsync(Ask(HealingAction.Restart))
        );
        // Another thing to do has its own.
        await DoneAsync(Ask(HealingAction.Recreate));

        room.Clock.Advance(TimeSpan.FromSeconds(30));
        await DoneAsync(Ask(HealingAction.Restart));
        room.Clock.Advance(TimeSpan.FromSeconds(59));
        await RefusedAsync(Ask(HealingAction.Restart));
        room.Clock.Advance(TimeSpan.FromHours(7));
        await DoneAsync(Ask(HealingAction.Restart));
        room.Clock.Advance(TimeSpan.FromSeconds(30));
        await DoneAsync(Ask(HealingAction.Restart));
    }

    [Fact]
    public async Task A_one_shot_is_run_only_where_it_is_one_and_not_beside_itself()
    {
        Assert.Equal("web runs all the time, and not once", await RefusedAsync(Ask(HealingAction.RunOneShot)));

        room.Supervisor.View = Views.Of(Views.Service("web") with { IsOneShot = true });
        Assert.Equal("started web", await DoneAsync(Ask(HealingAction.RunOneShot)));

        var atWork = new ContainerView("id", "web-1", 1, "running", "", null, null, null, 0, false, null, 0, "", []);
        room.Supervisor.View = Views.Of(Views.Service("web", containers: atWork) with { IsOneShot = true });
        Assert.Equal("web is at work already", await RefusedAsync(Ask(HealingAction.RunOneShot)));
        Assert.Equal("there is no service nobody", await RefusedAsync(Ask(HealingAction.RunOneShot, "nobody")));
    }

    [Fact]
    public async Task A_reboot_is_told_before_it_and_has_a_budget_unless_a_person_asks()
    {
        await DoneAsync(Ask(HealingAction.Reboot, ""));
        Assert.Equal(
            "healing.acted: webhook:prometheus asked for a reboot (WebDown) -> rebooting the machine",
            Assert.Single(room.Events)
        );

        Assert.Equal(
            "the machine is not rebooted before 2026-01-16 12:00:00Z",
            await RefusedAsync(Ask(HealingAction.Reboot, ""))
        );
        await DoneAsync(Ask(HealingAction.Reboot, "") with { IsPersonal = true });
        Assert.Equal(2, room.Remedies.Taken.Count);
    }

    [Fact]
    public async Task Soon_after_a_boot_only_a_person_reboots_the_machine()
    {
        room.Uptime = TimeSpan.FromMinutes(14);
        Assert.Equal(
            "the machine is not rebooted before 2026-01-15 12:01:00Z",
            await RefusedAsync(Ask(HealingAction.Reboot, ""))
        );
        // A clock that is put right makes the boot no longer ago.
        room.Clock.Advance(TimeSpan.FromDays(1));
        await RefusedAsync(Ask(HealingAction.Reboot, ""));
        await DoneAsync(Ask(HealingAction.Reboot, "") with { IsPersonal = true });

        using var later = new HealingRoom { Uptime = TimeSpan.FromMinutes(15) };
        Assert.IsType<HealingOutcome.Done>(await later.Arbiter.AskAsync(Ask(HealingAction.Reboot, ""), Ct));
    }

    [Fact]
    public async Task Without_leave_or_without_power_there_is_no_reboot()
    {
        using var cautious = new HealingRoom(new HealingOptions());
        Assert.Equal(
            new HealingOutcome.Refused("healing.may-reboot is off"),
            await cautious.Arbiter.AskAsync(Ask(HealingAction.Reboot, ""), Ct)
        );

        room.Remedies.Missing[Remedy.Reboot] = "systemd does not run the agent";
        Assert.Equal(
            "systemd does not run the agent",
            await RefusedAsync(Ask(HealingAction.Reboot, "") with { IsPersonal = true })
        );
    }

    [Fact]
    public async Task There_are_never_two_at_one_thing()
    {
        room.Remedies.Gate = new TaskCompletionSource();
        var first = room.Arbiter.AskAsync(Ask(HealingAction.Reboot, "") with { IsPersonal = true }, Ct);

        Assert.StartsWith(
            "something is being done already: a reboot, as webhook:prometheus asked",
            await RefusedAsync(Ask(HealingAction.Restart))
        );
        room.Remedies.Gate.SetResult();
        Assert.IsType<HealingOutcome.Done>(await first);
        await DoneAsync(Ask(HealingAction.Restart));
    }

    public void Dispose() => room.Dispose();

    private static HealingRequest Ask(HealingAction action, string target = "web") =>
        new(action, target, "webhook:prometheus", "WebDown");

    private async Task<string> DoneAsync(HealingRequest request) =>
        Assert.IsType<HealingOutcome.Done>(await room.Arbiter.AskAsync(request, Ct)).Sentence;

    private async Task<string> RefusedAsync(HealingRequest request) =>
        Assert.IsType<HealingOutcome.Refused>(await room.Arbiter.AskAsync(request, Ct)).Why;
}
