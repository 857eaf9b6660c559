using Appliance.Agent.Drills;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Running;
using Appliance.Docker;
using Appliance.Testing;
using Views = Appliance.Agent.Tests.Control.Views;

namespace Appliance.Agent.Tests.Drills;

/// <summary>What is said of a drill that something breaks into, and what is left of it.</summary>
public sealed class CutShortTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_disaster_that_happened_has_failed_when_its_window_ends_and_one_that_did_not_was_not_run()
    {
        await using var room = new DrillRoom();
        room.Supervisor.View = Views.Of(Views.Service("web", ready: 0));
        using var over = new CancellationTokenSource();
        var drill = room.Begin("flood");
        room.Flood.WhenInjected = over.Cancel;

        var broken = await room.Trials.RunAsync(room.Flood, room.At(drill, over.Token), Ct);
        Assert.Equal(DisasterOutcome.Failed, broken.Result.Outcome);
        Assert.StartsWith("it was broken off before it had recovered;", broken.Result.Why, StringComparison.Ordinal);

        var isInjected = false;
        room.Flood.WhenInjected = () => isInjected = true;
        var unbegun = await room.Trials.RunAsync(room.Flood, room.At(drill, over.Token), Ct);
        Assert.Equal(DisasterOutcome.NotRun, unbegun.Result.Outcome);
        Assert.False(isInjected);

        // Neither is one that ended the agent waited for after the window.
        var outlived = await room.Trials.OutliveAsync(room.Flood, room.At(drill, over.Token), TimeSpan.Zero, Ct);
        Assert.Equal(DisasterOutcome.Failed, outlived.Result.Outcome);
        Assert.StartsWith("it was broken off before it had recovered", outlived.Result.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_part_that_was_brought_about_has_failed_and_nothing_that_was_not_has()
    {
        await using var room = new DrillRoom();
        var drill = room.Begin("flood");
        room.Flood.WhenInjected = () => throw new InjectionException("the pump broke");
        Assert.Equal(DisasterOutcome.NotRun, await OutcomeAsync());
        room.Flood.WhenInjected = () => throw new InjectionException("the pump broke") { HasBegun = true };
        Assert.Equal(DisasterOutcome.Failed, await OutcomeAsync());

        async Task<DisasterOutcome> OutcomeAsync() =>
            (await room.Trials.RunAsync(room.Flood, room.At(drill, CancellationToken.None), Ct)).Result.Outcome;
    }

    [Fact]
    public async Task What_could_not_be_undone_before_the_agent_ended_stays_on_record()
    {
        await using var room = new DrillRoom();
        using var ending = new CancellationTokenSource();
        var drill = room.Begin("flood");
        // Of an engine that is away, as when all ends together.
        room.Flood.Undo = new Undo(UndoKind.Continue, "id", "");
        room.Flood.WhenInjected = () =>
        {
            ending.Cancel();
            throw new InjectionException("the pump broke");
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            room.Trials.RunAsync(room.Flood, room.At(drill, CancellationToken.None), ending.Token)
        );

        var left = Assert.Single(room.Journal.Disasters(drill.Id));
        Assert.Equal((DisasterPhase.Injecting, room.Flood.Undo), (left.Phase, left.Undo));
    }

    [Fact]
    public async Task A_boot_of_the_machine_ends_the_drill_that_has_killed_the_agent()
    {
        await using var room = new DrillRoom();
        var drill = room.Begin("kill-agent", "flood");
        var killed = room.Journal.Disasters(drill.Id)[0] with
        {
            Phase = DisasterPhase.Injecting,
            Boot = "another",
            // The clock of that boot was much further.
            Ticks = long.MaxValue / 2,
        };
        room.Journal.Record(drill.Id, killed, StepOutcome.Begun, "kills the agent");

        await room.Runs.ResumeAsync(drill.Id, CutShort.ByItsEnd, CancellationToken.None, Ct);

        const string why = "the machine was booted in the middle of it";
        var ended = room.Journal.Find(drill.Id)!;
        Assert.Equal((DrillState.Failed, why), (ended.State, ended.Reason));
        Assert.Equal(
            [(DisasterOutcome.Failed, why), (DisasterOutcome.NotRun, why)],
            room.Journal.Disasters(drill.Id).Select(d => (d.Result.Outcome, d.Result.Why))
        );
    }

    [Fact]
    public async Task What_could_not_be_written_is_written_first_and_said_to_be_the_disks_doing()
    {
        await using var room = new DrillRoom(shared.Engine.Client);
        var container = await RunAsync(new ContainerSpec { Image = RealAgent.Image });
        room.Supervisor.View = Views.Of(Views.Service("web", containers: Seen(container)));
        var drill = room.Begin("flood", "flood");
        room.Flood.WhenInjected = () => room.Seal(isSealed: true);

        var e = await Assert.ThrowsAsync<StorageException>(() =>
            room.Runs.RunAsync(drill.Id, CancellationToken.None, Ct)
        );
        room.Seal(isSealed: false);
        await room.Runs.ResumeAsync(drill.Id, CutShort.ByTheDisk(e), CancellationToken.None, Ct);

        var why = $"it could not be written down how far it was: {e.Message}";
        var ended = room.Journal.Find(drill.Id)!;
        Assert.Equal((DrillState.Failed, why), (ended.State, ended.Reason));
        Assert.Equal(
            [DisasterOutcome.Passed, DisasterOutcome.NotRun],
            room.Journal.Disasters(drill.Id).Select(d => d.Result.Outcome)
        );
        Assert.Equal(why, room.Journal.Disasters(drill.Id)[1].Result.Why);
    }

    [Fact]
    public async Task A_container_that_is_put_back_on_its_network_has_its_address_and_its_names()
    {
        var engine = shared.Engine.Client;
        await using var room = new DrillRoom(engine);
        var network = $"cut-{Guid.NewGuid():N}"[..12];
        await engine.Networks.CreateAsync(
            new NetworkSpec
            {
                Name = network,
                Addresses = new NetworkAddresses { Config = [new Subnet { Range = "203.0.113.0/24" }] },
            },
            Ct
        );
        try
        {
            var endpoint = new EndpointSettings
            {
                Addresses = new EndpointAddresses { IPv4Address = "203.0.113.77" },
                Aliases = ["shop"],
            };
            var container = await RunAsync(
                new ContainerSpec
                {
                    Image = RealAgent.Image,
                    HostConfig = new() { NetworkMode = network },
                    NetworkingConfig = new()
                    {
                        EndpointsConfig = new Dictionary<string, EndpointSettings> { [network] = endpoint },
                    },
                }
            );
            var cut = new CutNetwork(engine);
            var target = new Target("web", Seen(container), container, new Timings(null, default, default));
            var plan = await cut.PlanAsync(target, Ct);
            await cut.InjectAsync(target, plan, Ct);
            Assert.Empty((await engine.Containers.InspectAsync(container.Id, Ct)).NetworkSettings.Networks);

            Assert.Null(await room.Undoing.UndoAsync(plan.Undo!, Ct));

            var back = (await engine.Containers.InspectAsync(container.Id, Ct)).NetworkSettings.Networks[network];
            Assert.Equal("203.0.113.77", back.IPAddress);
            Assert.Contains("shop", back.Aliases!);
            // As an agent before this one has it on record.
            await cut.InjectAsync(target, plan, Ct);
            Assert.Null(await room.Undoing.UndoAsync(plan.Undo! with { Value = $"{network}\nshop" }, Ct));
            back = (await engine.Containers.InspectAsync(container.Id, Ct)).NetworkSettings.Networks[network];
            Assert.Contains("shop", back.Aliases!);
            await engine.Containers.RemoveAsync(container.Id, force: true, removeAnonymousVolumes: true, Ct);
        }
        finally
        {
            await engine.Networks.RemoveAsync(network, Ct);
        }
    }

    private async Task<ContainerInspection> RunAsync(ContainerSpec spec)
    {
        var engine = shared.Engine.Client;
        var image = BusyboxImage.Build(new ImageRecipe { Reference = RealAgent.Image, Cmd = ["sleep", "1000000"] });
        await image.LoadIntoAsync(engine, Ct);
        var created = await engine.Containers.CreateAsync($"drilled-{Guid.NewGuid():N}", spec, Ct);
        await engine.Containers.StartAsync(created.Id, Ct);
        return await engine.Containers.InspectAsync(created.Id, Ct);
    }

    private static ContainerView Seen(ContainerInspection container) =>
        new(container.Id, container.Name, 1, "running", "", null, null, null, 0, false, null, 0, "", []);
}
