using Appliance.Agent.Control;
using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;
using Appliance.Agent.Tests.Storage;
using Appliance.Agent.Updates;
using Appliance.Bundles.Compose;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What is tried passes by evidence, and not by time alone.</summary>
public sealed class TrialTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly Canary Terms = Canary.Default with { Duration = TimeSpan.FromMinutes(5) };

    private readonly ScratchState scratch = new();
    private readonly OpenState state;
    private readonly ServiceProvider options;
    private readonly FixedSupervisor supervisor = new();
    private readonly UpdateJournal journal;
    private readonly TrafficWatch traffic;
    private readonly Gate gate;
    private readonly Rollout rollout;
    private readonly Trial trial;
    private readonly Operation operation;

    public TrialTests()
    {
        state = scratch.Open();
        // There is no HAProxy. Where ingress is switched off none is expected.
        options = new ServiceCollection()
            .AddOptions<UpdatesOptions>()
            .Services.AddOptions<IngressOptions>()
            .Configure(o => (o.Enabled, o.RunDirectory) = (false, scratch.Folder))
            .Services.BuildServiceProvider();
        var settings = options.GetRequiredService<IOptionsMonitor<UpdatesOptions>>();
        var ingress = options.GetRequiredService<IOptionsMonitor<IngressOptions>>();
        var counters = new IngressCounters(new RuntimeApi(ingress, scratch.Clock));
        traffic = new TrafficWatch(counters, supervisor, settings, ingress, scratch.Clock);
        gate = new Gate(supervisor, state.Events, traffic, settings, scratch.Clock);
        journal = new UpdateJournal(state.Database, scratch.Clock);
        rollout = new Rollout(journal, new RolloutTable(state.Database));
        trial = new Trial(gate, traffic, rollout, supervisor, settings, scratch.Clock, NullLogger<Trial>.Instance);
        operation = journal.BeginUpgrade(scratch.Clock.GetUtcNow());
    }

    private static Candidate Web => new("web", "new", TimeSpan.Zero);

    public void Dispose()
    {
        options.Dispose();
        state.Dispose();
        scratch.Dispose();
    }

    [Fact]
    public async Task It_passes_when_it_was_well_for_its_time()
    {
        Show(ServiceState.Running);
        var began = scratch.Clock.GetUtcNow();
        Assert.Null(await EndOfAsync(RunAsync()));
        Assert.InRange(scratch.Clock.GetUtcNow() - began, Terms.Duration, TimeSpan.MaxValue);
    }

    [Fact]
    public async Task Time_does_not_go_by_while_the_engine_is_away()
    {
        Show(ServiceState.Running);
        var running = RunAsync();
        await LeavesAsync(4, running);
        supervisor.View = supervisor.View with { Engine = Views.Reachable with { Reachable = false } };
        await GoesOnForAsync(60 * Minute, running);
        Show(ServiceState.Running);
        Assert.Null(await EndOfAsync(running));
    }

    [Fact]
    public async Task One_that_does_not_get_ready_again_has_not_proven_itself()
    {
        Show(ServiceState.Running);
        var running = RunAsync();
        await LeavesAsync(4, running);
        Show(ServiceState.Unready);
        Assert.Equal("the new web does not stay ready: Its canary says why.", (await EndOfAsync(running))?.Reason);
    }

    [Fact]
    public async Task One_that_is_restarted_again_and_again_is_unfit_however_long_it_runs_between()
    {
        Show(ServiceState.Running);
        var running = RunAsync();
        for (var left = 4; left > 1; left--)
        {
            await LeavesAsync(left, running);
            Restarted("app-web-2");
            // What the one before does is not its doing.
            Restarted("app-web-1");
        }
        Assert.Equal("it ended; it was restarted 3 times", (await EndOfAsync(running))?.Reason);
    }

    [Fact]
    public async Task Nothing_is_tried_of_a_service_that_somebody_keeps_stopped()
    {
        Show(ServiceState.Stopped, service: ServiceState.Stopped);
        Assert.Null(await RunAsync());
        Assert.Equal("web is kept stopped, so that nothing of it was tried", trial.Report("web"));
    }

    [Fact]
    public async Task Held_it_goes_on_until_it_is_promoted()
    {
        Show(ServiceState.Running);
        rollout.Pause("alice");
        var running = RunAsync();
        await GoesOnForAsync(60 * Minute, running);
        rollout.Promote("alice");
        Assert.Null(await EndOfAsync(running));
    }

    [Fact]
    public void On_the_way_back_nothing_is_said_to_be_tried_or_held()
    {
        rollout.BeginTrial(operation, "web", Minute);
        rollout.Pause("alice");
        var shown = new Rollouts(rollout, traffic, supervisor, new OperationProgress(scratch.Clock));
        Assert.Equal(("web", "alice"), (shown.Show()!.Trial.Service, shown.Show()!.PausedBy));
        journal.TurnBack(operation.Id, "going back", "web is ill", "");
        Assert.Equal((null, ""), (shown.Show()!.Trial, shown.Show()!.PausedBy));
    }

    [Theory]
    [InlineData(nameof(ServiceState.Running), true, nameof(Trial.Moment.Counts))]
    [InlineData(nameof(ServiceState.Running), false, nameof(Trial.Moment.Unseen))]
    [InlineData(nameof(ServiceState.Starting), true, nameof(Trial.Moment.Unready))]
    [InlineData(nameof(ServiceState.Unready), false, nameof(Trial.Moment.Unready))]
    public void Time_counts_only_while_it_is_well_and_its_requests_are_seen(string canary, bool isSeen, string expected)
    {
        Show(Enum.Parse<ServiceState>(canary));
        Assert.Equal(Enum.Parse<Trial.Moment>(expected), Trial.MomentOf(supervisor.View, Web, isSeen));
    }

    private Task<Unfit?> RunAsync() =>
        trial.RunAsync(
            operation,
            Web,
            Terms,
            gate.NewComplaints(new HashSet<string>()),
            TestContext.Current.CancellationToken
        );

    private void Show(ServiceState canary, ServiceState service = ServiceState.Running) =>
        supervisor.View = Views.Of(
            Views.Service("web", service, containers: Container("app-web-2")) with
            {
                Canary = new CanaryView(canary, "Its canary says why.", "new"),
            }
        );

    private static ContainerView Container(string name) =>
        new(name, name, 2, "running", "", null, null, null, 0, false, null, 0, "sha256:image", [])
        {
            IsCurrent = false,
            IsCanary = true,
        };

    private void Restarted(string container) =>
        state.Events.Append(
            new(EventSeverity.Warning, "container.restarted", "web", container, "it ended", "started it")
        );

    /// <summary>Lets time pass until so much of the trial's is left.</summary>
    private async Task LeavesAsync(int minutes, Task running)
    {
        while (rollout.Of(operation).Left > minutes * Minute)
        {
            Assert.False(running.IsCompleted);
            scratch.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }

    private async Task GoesOnForAsync(TimeSpan time, Task running)
    {
        for (var end = scratch.Clock.GetUtcNow() + time; scratch.Clock.GetUtcNow() < end; await Task.Yield())
            scratch.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(running.IsCompleted);
    }

    private async Task<Unfit?> EndOfAsync(Task<Unfit?> running)
    {
        while (!running.IsCompleted)
        {
            scratch.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        return await running;
    }
}
