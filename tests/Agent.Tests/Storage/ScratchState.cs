using Appliance.Agent.Storage;
using Appliance.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Storage;

/// <summary>A state folder of one test, and the agent's storage opened on it as often as the test likes.</summary>
internal sealed class ScratchState : IDisposable
{
    private readonly bool owned;

    public ScratchState(string? folder = null)
    {
        owned = folder is null;
        Folder = folder ?? Directory.CreateTempSubdirectory("agent-state-").FullName;
    }

    public string Folder { get; }
    public string File => Path.Combine(Folder, "agent.db");
    public ManualClock Clock { get; } = new();

    public OpenState Open(int eventsKept = 20_000) => new(Folder, eventsKept, Clock);

    public void Dispose()
    {
        if (owned)
            Directory.Delete(Folder, recursive: true);
    }
}

internal sealed class OpenState : IDisposable
{
    public OpenState(string folder, int eventsKept, TimeProvider clock)
    {
        var options = Options.Create(new StorageOptions { DataDirectory = folder, EventsKept = eventsKept });
        Database = new Database(options, clock, NullLogger<Database>.Instance);
        Events = new EventLog(Database, options, clock, NullLogger<EventLog>.Instance);
        Wishes = new Wishes(Database, clock);
        Restarts = new RestartLedger(Database, NullLogger<RestartLedger>.Instance);
        Completions = new Completions(Database, NullLogger<Completions>.Instance);
        Audit = new AuditTrail(Database, clock);
    }

    public Database Database { get; }
    public EventLog Events { get; }
    public Wishes Wishes { get; }
    public RestartLedger Restarts { get; }
    public Completions Completions { get; }
    public AuditTrail Audit { get; }

    public void Dispose() => Database.Dispose();
}

internal static class Samples
{
    public static NewEvent Event(string found, string? service = "web") =>
        new(EventSeverity.Info, "container.restarted", service, "web-1", found, "Started it.");

    public static NewAudit Audit(string detail = "") =>
        new("uid:1000 (alice)", "operator", "/appliance.v1.ServicesService/StopService", "{}", "requested", detail);
}

internal static class Damage
{
    /// <summary>The last page of the file is the last one of the events.</summary>
    public static void LastPageOf(string file)
    {
        using var stream = System.IO.File.OpenWrite(file);
        stream.Seek(-4096, SeekOrigin.End);
        stream.Write(Enumerable.Repeat((byte)0xA5, 4096).ToArray());
    }
}
