using Appliance.Agent.Healing;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Tests.Control;
using Appliance.Agent.Tests.Storage;
using Appliance.Docker;
using Appliance.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Healing;

/// <summary>The Healing room over a supervisor whose view a test sets; what it does to the machine is only recorded.</summary>
internal sealed class HealingRoom : IDisposable
{
    private readonly ScratchState scratch = new();
    private readonly OpenState state;
    private readonly DockerEngine engine;

    public HealingRoom(HealingOptions? options = null)
    {
        state = scratch.Open();
        var monitor = new Fixed(options ?? new HealingOptions { MayReboot = true });
        Journal = new UpdateJournal(state.Database, Clock);
        Drills = new DrillJournal(state.Database, Clock);
        Holds = new Holds(state.Database, Clock);
        Ledger = new RungLedger(state.Database);
        Problems = new MachineProblems(Supervisor, state.Events, monitor, Clock);
        Maintenance = new Maintenance(Holds, Journal, Drills, Problems, state.Events);
        var boot = new MachineBoot(Clock, () => Uptime);
        Arbiter = new Arbiter(
            Supervisor,
            Remedies,
            Journal,
            Holds,
            state.Wishes,
            Ledger,
            state.Events,
            boot,
            monitor,
            Clock
        );
        engine = DockerEngine.Connect("unix:///nowhere/docker.sock", Clock);
        var lifetime = new Running();
        Healer = new Healer(
            Arbiter,
            Remedies,
            Problems,
            Maintenance,
            Supervisor,
            Journal,
            Drills,
            Ledger,
            state.Events,
            engine,
            boot,
            new MachineShutdown(
                new SystemdEnvironment(null, null),
                lifetime,
                Clock,
                NullLogger<MachineShutdown>.Instance
            ),
            monitor,
            lifetime,
            Clock,
            NullLogger<Healer>.Instance
        );
    }

    public ManualClock Clock => scratch.Clock;

    /// <summary>Since the machine was booted; a clock that is set leaves it as it is.</summary>
    public TimeSpan Uptime { get; set; } = TimeSpan.FromDays(30);

    public FixedSupervisor Supervisor { get; } = new();
    public RecordedRemedies Remedies { get; } = new();
    public UpdateJournal Journal { get; }
    public DrillJournal Drills { get; }
    public Holds Holds { get; }
    public RungLedger Ledger { get; }
    public Wishes Wishes => state.Wishes;
    public MachineProblems Problems { get; }
    public Maintenance Maintenance { get; }
    public Arbiter Arbiter { get; }
    public Healer Healer { get; }

    /// <summary>All events so far, as "kind: found -> done".</summary>
    public IReadOnlyList<string> Events =>
        [.. state.Events.After(0, 1000, null).Select(e => $"{e.Kind}: {e.Found} -> {e.Done}")];

    public void Commit(string version)
    {
        var begun = BeginOperation(version);
        Journal.Commit(begun, "committed");
        Journal.End(begun.Id, OperationState.Done, Phase.Pruned, "done", "", "");
    }

    public Operation BeginOperation(string version = "2.0.0") =>
        Journal.Begin(
            new Operation(
                0,
                OperationKind.Upgrade,
                OperationState.Running,
                Phase.Verified,
                "demo",
                Journal.Current?.Digest,
                "1.0.0",
                $"sha256:{version}",
                version,
                "uid:0",
                Clock.GetUtcNow(),
                null,
                "",
                "",
                "",
                null,
                0
            ),
            new KnownRelease($"sha256:{version}", [1]),
            trust: null
        );

    public Drill BeginDrill() =>
        Drills.Begin(
            new Drill(
                0,
                DrillState.Running,
                "uid:0",
                false,
                Clock.GetUtcNow(),
                Clock.GetUtcNow() + TimeSpan.FromMinutes(10),
                null,
                "demo",
                "1.0.0",
                "",
                "",
                null
            ),
            []
        );

    public void Dispose()
    {
        Healer.Dispose();
        engine.Dispose();
        state.Dispose();
        scratch.Dispose();
    }

    private sealed class Fixed(HealingOptions value) : IOptionsMonitor<HealingOptions>
    {
        public HealingOptions CurrentValue => value;

        public HealingOptions Get(string? name) => value;

        public IDisposable? OnChange(Action<HealingOptions, string?> listener) => null;
    }

    private sealed class Running : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;
        public CancellationToken ApplicationStopping => CancellationToken.None;
        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() { }
    }
}

/// <summary>Does nothing, and remembers what it was to do.</summary>
internal sealed class RecordedRemedies : IRemedies
{
    public List<string> Taken { get; } = [];

    /// <summary>What the machine does not have, and why.</summary>
    public Dictionary<Remedy, string> Missing { get; } = [];

    /// <summary>How the next ones end; null: they work.</summary>
    public string? Failure { get; set; }

    /// <summary>What the next ones would have to wait for; null: nothing.</summary>
    public string? Busy { get; set; }

    /// <summary>Holds each up until a test lets it go on; null: none is held up.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public string? WhyNot(Remedy remedy) => Missing.GetValueOrDefault(remedy);

    public async Task<string> TakeAsync(
        Remedy remedy,
        string reason,
        IReadOnlyList<string> services,
        CancellationToken ct
    )
    {
        if (Busy is { } busy)
            throw new RemedyException(busy) { IsTooEarly = true };
        Taken.Add($"{remedy}: {reason}");
        if (Gate is { } gate)
            await gate.Task.WaitAsync(ct);
        return Failure is { } failure ? throw new RemedyException(failure) : $"{remedy} done";
    }
}
