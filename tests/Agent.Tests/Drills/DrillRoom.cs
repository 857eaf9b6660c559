using Appliance.Agent.Drills;
using Appliance.Agent.Healing;
using Appliance.Agent.Host;
using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;
using Appliance.Agent.Updates;
using Appliance.Docker;
using Appliance.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Course = Appliance.Agent.Drills.Course;

namespace Appliance.Agent.Tests.Drills;

/// <summary>
/// The Drills room over a supervisor whose view a test sets, with one disaster, <c>flood</c>, that does what a test says: to end
/// a drill in the moment that is wanted.
/// </summary>
internal sealed class DrillRoom : IAsyncDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly ServiceProvider services;
    private readonly DockerEngine? ownEngine;

    /// <param name="engine">Null: it is away.</param>
    public DrillRoom(DockerEngine? engine = null)
    {
        ownEngine = engine is null ? DockerEngine.Connect($"unix://{folder["no.sock"]}", TimeProvider.System) : null;
        var settings = new Dictionary<string, string?> { ["storage:DataDirectory"] = folder["data"] };
        services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddLogging()
            .AddOptions()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<ISupervisor>(Supervisor)
            // As an instance: it is not disposed of with the room.
            .AddSingleton(engine ?? ownEngine!)
            .AddSingleton(s => new MachineBoot(s.GetRequiredService<TimeProvider>()))
            .AddStorage()
            .AddIngress()
            .AddSingleton<Occupancy>()
            .AddSingleton<FullDiskLimit>()
            .AddSingleton<MachineProblems>()
            .AddSingleton<Disaster>(Flood)
            .AddSingleton<Catalogue>()
            .AddSingleton<Wellness>()
            .AddSingleton<Targets>()
            .AddSingleton<Doors>()
            .AddSingleton<Undoing>()
            .AddSingleton<Sights>()
            .AddSingleton<Trials>()
            .AddSingleton<DrillRuns>()
            .BuildServiceProvider();
    }

    public FixedSupervisor Supervisor { get; } = new();

    public Flood Flood { get; } = new();

    public DrillJournal Journal => services.GetRequiredService<DrillJournal>();

    public Trials Trials => services.GetRequiredService<Trials>();

    public Undoing Undoing => services.GetRequiredService<Undoing>();

    public DrillRuns Runs => services.GetRequiredService<DrillRuns>();

    public string BootId => services.GetRequiredService<MachineBoot>().Id;

    /// <summary>What the agent's state is on takes nothing, as a disk that is full.</summary>
    public void Seal(bool isSealed) =>
        services
            .GetRequiredService<Database>()
            .Read(c =>
            {
                using var command = new SqliteCommand($"PRAGMA query_only = {(isSealed ? "ON" : "OFF")}", c);
                return command.ExecuteNonQuery();
            });

    public Drill Begin(params IReadOnlyList<string> disasters)
    {
        var now = TimeProvider.System.GetUtcNow();
        var until = now + TimeSpan.FromMinutes(10);
        return Journal.Begin(
            new Drill(0, DrillState.Running, "uid:0", true, now, until, null, "demo", "1.0.0", "", "", null),
            [.. disasters.Select(d => (d, "web"))]
        );
    }

    /// <summary>For a disaster that looks at no container.</summary>
    public Circumstances At(Drill drill, CancellationToken over) =>
        new(
            drill,
            Journal.Disasters(drill.Id)[0],
            new Target(
                "web",
                new ContainerView("id", "web-1", 1, "running", "", null, null, null, 0, false, null, 0, "", []),
                new ContainerInspection(),
                new Timings(null, TimeSpan.Zero, TimeSpan.Zero)
            ),
            over
        );

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync();
        ownEngine?.Dispose();
        folder.Dispose();
    }
}

/// <summary>A disaster that does nothing but what a test says.</summary>
internal sealed class Flood : Disaster
{
    public Action WhenInjected { get; set; } = () => { };

    public Undo? Undo { get; set; }

    public override string Name => "flood";

    public override string What => "does what a test says";

    public override Expectation Expect(Target target, bool isShort) =>
        new(Course.Healed, DetectWithin: null, TimeSpan.FromSeconds(5));

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        Task.FromResult(new Injection("the cellar", "floods the cellar", Undo));

    public override Task InjectAsync(Target target, Injection injection, CancellationToken ct)
    {
        WhenInjected();
        return Task.CompletedTask;
    }
}
