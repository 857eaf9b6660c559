using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;
using Appliance.Agent.Tests.Storage;
using Appliance.Agent.Updates;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Updates;

/// <summary>Who passes the gate, who does not, and how long it takes to tell.</summary>
public sealed class GateTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly ScratchState scratch = new();
    private readonly OpenState state;
    private readonly ServiceProvider options;
    private readonly FixedSupervisor supervisor = new();
    private readonly Gate gate;
    private readonly Complaints complaints;

    public GateTests()
    {
        state = scratch.Open();
        options = new ServiceCollection()
            .AddOptions<UpdatesOptions>()
            .Services.AddOptions<IngressOptions>()
            .Services.BuildServiceProvider();
        var settings = options.GetRequiredService<IOptionsMonitor<UpdatesOptions>>();
        // Nothing is published, so that nobody is asked.
        var counters = new IngressCounters(
            new RuntimeApi(options.GetRequiredService<IOptionsMonitor<IngressOptions>>(), scratch.Clock)
        );
        var traffic = new TrafficWatch(
            counters,
            supervisor,
            settings,
            options.GetRequiredService<IOptionsMonitor<IngressOptions>>(),
            scratch.Clock
        );
        gate = new Gate(supervisor, state.Events, traffic, settings, scratch.Clock);
        complaints = gate.NewComplaints(new HashSet<string>());
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        options.Dispose();
        state.Dispose();
        scratch.Dispose();
    }

    [Fact]
    public async Task What_happened_before_a_service_came_under_watch_is_not_held_against_it()
    {
        Unhealthy("web");
        complaints.Watch("web");
        Show("web", ServiceState.Running);
        Assert.Null(await PassAsync("web"));
    }

    [Fact]
    public async Task One_that_was_well_and_falls_ill_while_a_later_one_is_waited_for_fails_the_update()
    {
        complaints.Watch("db");
        complaints.Watch("web");
        Show("web", ServiceState.Starting);
        var passing = PassAsync("web");
        Assert.False(passing.IsCompleted);
        Unhealthy("db");
        // It may be well again by the time anybody looks.
        Show("web", ServiceState.Running);
        Assert.Equal("db", (await passing)?.Service);
    }

    [Fact]
    public async Task One_that_fell_ill_before_the_observing_fails_it_even_if_that_is_to_last_no_time()
    {
        complaints.Watch("web");
        Show("web", ServiceState.Running);
        Unhealthy("web");
        Assert.NotNull(await gate.StayAsync([], TimeSpan.Zero, Task.CompletedTask, complaints, Ct));
    }

    [Fact]
    public async Task A_period_of_months_is_waited_for()
    {
        Show("web", ServiceState.Running);
        var began = scratch.Clock.GetUtcNow();
        var staying = gate.StayAsync([Candidate("web")], TimeSpan.FromDays(90), Task.CompletedTask, complaints, Ct);
        Assert.Null(await AfterAsync(staying, TimeSpan.FromHours(6)));
        Assert.InRange(scratch.Clock.GetUtcNow() - began, TimeSpan.FromDays(90), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task What_is_held_is_watched_for_as_long_as_it_is()
    {
        complaints.Watch("web");
        Show("web", ServiceState.Running);
        var released = new TaskCompletionSource();
        var good = gate.StayAsync([Candidate("web")], TimeSpan.Zero, released.Task, complaints, Ct);
        var bad = gate.StayAsync([Candidate("web")], TimeSpan.Zero, new TaskCompletionSource().Task, complaints, Ct);
        scratch.Clock.Advance(TimeSpan.FromDays(7));
        Assert.False(good.IsCompleted);
        released.SetResult();
        Assert.Null(await good);
        Show("web", ServiceState.Failed);
        Assert.Equal("web", (await bad)?.Service);
    }

    [Fact]
    public async Task One_that_is_meant_to_end_passes_when_it_has_completed_and_not_while_it_runs()
    {
        Show("migrate", ServiceState.Running, isMeantToEnd: true);
        var passing = PassAsync("migrate");
        Assert.False(passing.IsCompleted);
        Show("migrate", ServiceState.Completed, isMeantToEnd: true);
        Assert.Null(await passing);
    }

    [Fact]
    public async Task Waiting_for_another_does_not_use_up_a_services_own_time()
    {
        Show("web", ServiceState.Waiting);
        var began = scratch.Clock.GetUtcNow();
        var passing = PassAsync("web");
        scratch.Clock.Advance(4 * Minute);
        Show("web", ServiceState.Starting);
        Assert.NotNull(await AfterAsync(passing, TimeSpan.FromSeconds(1)));
        // Four minutes of waiting, and all of its own six.
        Assert.InRange(scratch.Clock.GetUtcNow() - began, 10 * Minute, TimeSpan.MaxValue);
    }

    [Theory]
    [InlineData(true, "web could not start within 300 s: It says why.")]
    [InlineData(false, "web was not healthy within 360 s: It says why.")]
    public async Task Nobody_is_waited_for_for_ever(bool waitsForAnother, string reason)
    {
        Show("web", waitsForAnother ? ServiceState.Waiting : ServiceState.Starting);
        Assert.Equal(reason, (await AfterAsync(PassAsync("web"), Minute))?.Reason);
    }

    private Task<Unfit?> PassAsync(string service) => gate.PassAsync(Candidate(service), complaints, Ct);

    private static Candidate Candidate(string service) => new(service, "", Minute);

    private void Show(string service, ServiceState shown, bool isMeantToEnd = false) =>
        supervisor.View = Views.Of(Views.Service(service, shown) with { IsMeantToEnd = isMeantToEnd });

    private void Unhealthy(string service) =>
        state.Events.Append(new(EventSeverity.Warning, "service.unhealthy", service, null, "Unhealthy", "restarts it"));

    /// <summary>Lets time pass until the gate has decided.</summary>
    private async Task<Unfit?> AfterAsync(Task<Unfit?> decision, TimeSpan step)
    {
        while (!decision.IsCompleted)
        {
            scratch.Clock.Advance(step);
            await Task.Yield();
        }
        return await decision;
    }
}
