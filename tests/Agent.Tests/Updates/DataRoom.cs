using Appliance.Agent.Content;
using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Storage;
using Appliance.Agent.Tests.Supervision;
using Appliance.Agent.Updates;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Docker;
using Appliance.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Updates;

/// <summary>
/// What keeps data and puts it back, on a journal and on files as they are, with an engine that only tells of containers:
/// what an operation does besides is the test's to say.
/// </summary>
internal sealed class DataRoom : IAsyncDisposable
{
    private readonly ScratchState scratch = new();
    private readonly ScratchFolder folder = new();
    private readonly ServiceProvider options;
    private readonly DockerEngine client;
    private readonly IOptionsMonitor<UpdatesOptions> settings;

    public DataRoom()
    {
        State = scratch.Open();
        options = new ServiceCollection()
            .AddOptions<UpdatesOptions>()
            .Services.AddOptions<IngressOptions>()
            .Services.BuildServiceProvider();
        settings = options.GetRequiredService<IOptionsMonitor<UpdatesOptions>>();
        Engine = new ListedEngine(folder["engine.sock"]);
        client = DockerEngine.Connect(Engine.Endpoint, TimeProvider.System);
        Snapshots = new SnapshotTable(State.Database);
        Journal = new UpdateJournal(State.Database, scratch.Clock);
        Plans = new DataPlans(Journal, Snapshots, client, scratch.Clock);
        foreach (var volume in (string[])["rows", "blobs"])
        {
            Engine.Volumes[$"app_{volume}"] = Live(volume);
            Directory.CreateDirectory(Live(volume));
            Write(volume, "one");
        }
    }

    public static Release One { get; } =
        SampleRelease.Of(
            "services: {db: {image: i, volumes: [rows:/r, blobs:/b]}, web: {image: i}}\nvolumes: {rows: {}, blobs: {}}"
        );

    public static Release Two { get; } =
        SampleRelease.Of(
            """
            x-appliance: {version: "2.0.0"}
            services:
              migrate: {image: i, restart: "no", volumes: [rows:/r, blobs:/b]}
              db: {image: j, volumes: [rows:/r, blobs:/b]}
              web: {image: i}
            volumes:
              rows: {x-appliance: {data: {breaking: "2.0.0"}}}
              blobs: {x-appliance: {data: {breaking: "2.0.0"}}}
            """
        );

    public OpenState State { get; }
    public ListedEngine Engine { get; }
    public ManualClock Clock => scratch.Clock;
    public UpdateJournal Journal { get; }
    public SnapshotTable Snapshots { get; }
    public DataPlans Plans { get; }
    public TellingSupervisor Supervisor { get; } = new();

    public OldSnapshots Old => new(Journal, Snapshots, Plans, settings, Clock);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public string Live(string volume) => folder[$"engine/volumes/app_{volume}/_data"];

    public string Shelf(Operation operation) => folder[$"engine/appliance-snapshots/app/{operation.Name}"];

    public void Write(string volume, string text) => File.WriteAllText(Path.Combine(Live(volume), "file"), text);

    public string Read(string volume) => File.ReadAllText(Path.Combine(Live(volume), "file"));

    public Operation Begin(OperationKind kind, string from, string to, string? withoutSnapshot = null) =>
        Journal.Begin(
            new Operation(
                0,
                kind,
                OperationState.Running,
                Phase.Verified,
                "app",
                from.Length > 0 ? from : null,
                from,
                to,
                to,
                "a test",
                Clock.GetUtcNow(),
                null,
                "verified",
                "",
                "",
                null,
                0
            )
            {
                WithoutSnapshot = withoutSnapshot,
            },
            new KnownRelease(to, "{}"u8.ToArray()),
            trust: null
        );

    /// <summary>One is installed, and an upgrade to two has begun.</summary>
    public Operation Upgrading()
    {
        var first = Begin(OperationKind.Install, "", "1.0.0");
        Journal.Commit(first, "committed");
        Journal.End(first.Id, OperationState.Done, Phase.Pruned, "installed", "", "");
        return Begin(OperationKind.Upgrade, "1.0.0", "2.0.0");
    }

    /// <summary>Two was upgraded to, with its data, and the rollback from it has begun.</summary>
    public async Task<(Operation Upgrade, Operation Rollback)> RollingBackAsync()
    {
        var upgrade = Upgrading();
        Assert.Null(await KeepAsync(upgrade, One, Two));
        Write("rows", "two");
        Write("blobs", "two");
        Journal.Commit(upgrade, "committed");
        Journal.End(upgrade.Id, OperationState.Done, Phase.Pruned, "upgraded", "", "");
        return (upgrade, Begin(OperationKind.Rollback, "2.0.0", "1.0.0"));
    }

    public Task<Unfit?> KeepAsync(Operation operation, Release from, Release to) =>
        PassingTimeAsync(Of(operation, from, to).Safekeeping.KeepAsync(() => Task.CompletedTask, Ct));

    public Task<string?> PutBackAsync(Operation operation, Release from, Release to) =>
        PassingTimeAsync(Of(operation, from, to).Safekeeping.PutBackAsync(Ct));

    public (Safekeeping Safekeeping, WayBack Back) Of(Operation operation, Release from, Release to)
    {
        operation = Journal.Find(operation.Id)!;
        var version = SemanticVersion.TryParse(operation.ToVersion)!;
        var content = new ReleaseContent(
            new ReleaseDescriptor("app", version, new Blob(SampleRelease.IdOf('a'), 1), DateTimeOffset.UnixEpoch),
            new ReleaseDocument("app", version, null, Allowances.None),
            [],
            [],
            []
        );
        var course = new Course(
            operation,
            from,
            new OpenedRelease(content, to),
            Journal,
            Snapshots,
            Supervisor,
            NullLogger<UpdateRun>.Instance
        );
        var ingress = options.GetRequiredService<IOptionsMonitor<IngressOptions>>();
        var traffic = new TrafficWatch(
            new IngressCounters(new RuntimeApi(ingress, Clock)),
            Supervisor,
            settings,
            ingress,
            Clock
        );
        var gate = new Gate(Supervisor, State.Events, traffic, settings, Clock);
        var rollout = new Rollout(Journal, new RolloutTable(State.Database));
        var safekeeping = new Safekeeping(
            course,
            Journal,
            Snapshots,
            Plans,
            Supervisor,
            gate,
            rollout,
            State.Events,
            Clock
        );
        return (
            safekeeping,
            new WayBack(
                course,
                Journal,
                Supervisor,
                gate,
                safekeeping,
                traffic,
                new Evidence(Supervisor, client, Clock),
                new OperationProgress(Clock),
                NullLogger<UpdateRun>.Instance
            )
        );
    }

    /// <summary>Lets time pass until something is done.</summary>
    public async Task<T> PassingTimeAsync<T>(Task<T> work)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!work.IsCompleted)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(20), "it does not end");
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Ct));
        }
        return await work;
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await Engine.DisposeAsync();
        State.Dispose();
        scratch.Dispose();
        options.Dispose();
        folder.Dispose();
    }
}

/// <summary>All is as it was told to be, at once; it remembers what that was.</summary>
internal sealed class TellingSupervisor : ISupervisor
{
    public List<RunningRelease> Told { get; } = [];
    public List<(Release Of, Release Except)> Forgotten { get; } = [];
    public List<string> Stopped { get; } = [];
    public List<string> Refused { get; } = [];

    /// <summary>Called when completions are forgotten.</summary>
    public Action? Forgets { get; set; }

    public SupervisionView View { get; set; } = Control.Views.Of() with { IsStill = true, IsTidy = true };

    public Task WaitForChangeAsync(SupervisionView seen, CancellationToken ct) =>
        Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);

    public void Run(RunningRelease what) => Told.Add(what);

    public IReadOnlyDictionary<string, string> HashesOf(Release release) => new Dictionary<string, string>();

    public void ForgetCompletions(Release release, Release except)
    {
        Forgets?.Invoke();
        Forgotten.Add((release, except));
    }

    public void Refuse(string problem) => Refused.Add(problem);

    public bool Stop(string service, string by, string reason)
    {
        Stopped.Add(service);
        return true;
    }

    public bool Start(string service, string by) => throw new NotSupportedException();

    public void Report(Traffic traffic) => throw new NotSupportedException();

    public void Report(Care care) => throw new NotSupportedException();

    public Task<RestartOutcome> RecreateAsync(
        string service,
        string by,
        string reason,
        bool isPersonal,
        CancellationToken ct
    ) => throw new NotSupportedException();

    public Task<RestartOutcome> RestartAsync(
        string service,
        string by,
        string reason,
        bool isPersonal,
        CancellationToken ct
    ) => throw new NotSupportedException();
}
