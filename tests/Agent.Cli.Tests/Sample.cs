using Appliance.V1;
using Google.Protobuf.WellKnownTypes;

namespace Agent.Cli.Tests;

/// <summary>An application of two services, at moments that keep their words however slow a test runs.</summary>
internal static class Sample
{
    public static Timestamp Noon { get; } = new DateTimeOffset(2026, 1, 15, 12, 0, 0, TimeSpan.Zero).ToTimestamp();

    public static Timestamp Ago(TimeSpan span) => (TimeProvider.System.GetUtcNow() - span).ToTimestamp();

    public static Timestamp HoursAgo(int hours) => Ago(TimeSpan.FromHours(hours) + TimeSpan.FromMinutes(10));

    public static ServiceDetail Web() =>
        new()
        {
            Summary = new()
            {
                Name = "web",
                State = ServiceState.Running,
                Explanation = "every container runs and is healthy",
                Image = "demo/web:1.2",
                Replicas = 2,
                ReplicasReady = 2,
                Restarts = 3,
                Since = HoursAgo(3),
                Ports = { "127.0.0.1:8080->80/tcp" },
            },
            RestartPolicy = "unless-stopped",
            Containers =
            {
                new ContainerDetail
                {
                    Id = "0123456789abcdef0123456789abcdef",
                    Name = "shop-web-1",
                    State = "running",
                    Health = "healthy",
                    StartedAt = HoursAgo(3),
                    Restarts = 3,
                    ImageId = "sha256:fedcba9876543210",
                    Networks = { "front", "back" },
                },
                new ContainerDetail
                {
                    Id = "aaaaaaaaaaaabbbbbbbbbbbb",
                    Name = "shop-web-2",
                    State = "exited",
                    ExitCode = 137,
                    OomKilled = true,
                    FinishedAt = HoursAgo(2),
                    ImageId = "sha256:fedcba9876543210",
                },
            },
            DependsOn =
            {
                new Dependency
                {
                    Service = "db",
                    Condition = "service_healthy",
                    Satisfied = true,
                },
                new Dependency { Service = "setup", Condition = "service_completed_successfully" },
            },
            Probes =
            {
                new ProbeDetail
                {
                    Kind = "http",
                    Target = "GET http://:80/healthz",
                    Container = "shop-web-1",
                    Healthy = true,
                    LastOutput = "200 OK",
                    LastCheckedAt = HoursAgo(2),
                },
                new ProbeDetail
                {
                    Kind = "tcp",
                    Target = "tcp :80",
                    Container = "shop-web-2",
                    ConsecutiveFailures = 4,
                    LastOutput = "connection refused\n",
                    LastCheckedAt = HoursAgo(2),
                },
            },
            RecentEvents = { "12:00:00 container.restarted: shop-web-1 had exited with 1; started it again" },
        };

    public static ServiceDetail Db() =>
        new()
        {
            Summary = new()
            {
                Name = "db",
                State = ServiceState.BackingOff,
                Explanation = "shop-db-1 exited with 1",
                Image = "demo/db:9",
                Replicas = 1,
                Since = HoursAgo(1),
            },
            RestartPolicy = "always",
        };

    public static Status Status() =>
        new()
        {
            Health = Health.Degraded,
            Problems = { "db is backing off: shop-db-1 exited with 1" },
            Agent = new()
            {
                Version = "0.1.0",
                Host = "box",
                StartedAt = HoursAgo(5),
            },
            Engine = new()
            {
                Reachable = true,
                Version = "20.10.24",
                ApiVersion = "1.41",
                LiveRestore = true,
                Endpoint = "unix:///var/run/docker.sock",
                Since = HoursAgo(5),
            },
            Release = new()
            {
                Product = "shop",
                Version = "1.2.0",
                Source = "/srv/release",
            },
            Services = { Web().Summary, Db().Summary },
        };

    public static Event Event(long id, string found = "web-1 had exited with 1", string done = "started it again") =>
        new()
        {
            Id = id,
            Time = Noon + Duration.FromTimeSpan(TimeSpan.FromSeconds(id)),
            Severity = Severity.Warning,
            Kind = "container.restarted",
            Service = "web",
            Container = "web-1",
            Found = found,
            Done = done,
        };

    public static LogLine Line(string container, string text, int at = 0, bool stderr = false) =>
        new()
        {
            Service = container.Split('-')[^2],
            Container = container,
            Time = Noon + Duration.FromTimeSpan(TimeSpan.FromSeconds(at)),
            Stream = stderr ? LogLine.Types.Stream.Stderr : LogLine.Types.Stream.Stdout,
            Text = text,
        };

    public static StagedRelease Staged() =>
        new()
        {
            Product = "demo",
            Version = "2.0.0",
            Digest = "sha256:abc",
            SignedAt = Ago(TimeSpan.FromDays(3)),
            ExpiresAt = Ago(-TimeSpan.FromDays(365.5)),
            Plan = new()
            {
                Kind = OperationKind.Upgrade,
                Product = "demo",
                FromVersion = "1.0.0",
                ToVersion = "2.0.0",
                Services =
                {
                    new ServiceChange
                    {
                        Service = "web",
                        Change = ServiceChange.Types.Change.Changed,
                        Reasons = { "image demo/web:1.0.0 -> demo/web:2.0.0", "environment" },
                        Gap = "other services get no answer meanwhile: its order is stop-first",
                        Interrupted = true,
                        Downtime = Duration.FromTimeSpan(TimeSpan.FromSeconds(12.5)),
                    },
                    new ServiceChange { Service = "mail", Change = ServiceChange.Types.Change.Added },
                    new ServiceChange { Service = "fax", Change = ServiceChange.Types.Change.Removed },
                    new ServiceChange { Service = "counter", Change = ServiceChange.Types.Change.Untouched },
                },
                BytesToMove = 120_000_000,
                BytesToStore = 45_600_000,
                BytesToUnpack = 1_500_000_000,
                FreeBytes = 12_000_000_000,
                Migrations = { "migrate" },
                Duration = Duration.FromTimeSpan(TimeSpan.FromSeconds(43)),
                Space = new()
                {
                    Layers = 1_500_000_000,
                    Spool = 700_000_000,
                    Reserve = 67_108_864,
                    FileSystems =
                    {
                        new FileSystemNeed
                        {
                            Name = "the file system of the agent's state and the engine",
                            Folder = "/data/docker",
                            Needed = 2_267_108_864,
                            Free = 12_000_000_000,
                        },
                    },
                },
            },
        };

    public static Finding Refusal() =>
        new()
        {
            Kind = "ports",
            Refuses = true,
            Sentence = "port 8080/tcp, which web is to have, is held by another program, on 0.0.0.0",
            Remedy = "end that program: `ss -tlnp sport = :8080` names it",
        };

    public static Finding Requirement() =>
        new()
        {
            Kind = "requires-memory",
            Refuses = true,
            Sentence =
                "the release needs a machine with 4294967296 bytes of memory, of which 3951369912 have to be there, and this one has 2079621120",
            Remedy = "give the machine more memory",
        };

    public static Finding Warning() =>
        new()
        {
            Kind = "clock",
            Sentence = "nothing keeps the clock right",
            Remedy = "have it set from a time server",
        };

    public static Operation Operation(OperationState state, string reason = "", string evidence = "") =>
        new()
        {
            Id = "op-12",
            Kind = OperationKind.Upgrade,
            State = state,
            Phase = "switching",
            Sentence = state == OperationState.Running ? "starting web" : "what came of it.",
            Product = "demo",
            FromVersion = "1.0.0",
            ToVersion = "2.0.0",
            StartedAt = Noon,
            EndedAt = state == OperationState.Running ? null : Noon + Duration.FromTimeSpan(TimeSpan.FromSeconds(42)),
            Actor = "uid:0 (root)",
            Reason = reason,
            Evidence = evidence,
        };

    public static OperationStep Step(
        int sequence,
        string text,
        OperationStep.Types.Outcome outcome = OperationStep.Types.Outcome.Done,
        string phase = "switching"
    ) =>
        new()
        {
            Sequence = sequence,
            Time = Noon + Duration.FromTimeSpan(TimeSpan.FromSeconds(sequence)),
            Phase = phase,
            Text = text,
            Outcome = outcome,
        };

    public static OperationUpdate Update(Operation operation, params OperationStep[] steps) =>
        new() { Operation = operation, Steps = { steps } };
}
