using Appliance.Agent.Healing;
using Appliance.Agent.Health;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Agent.Control;

/// <summary>The rooms' values as messages.</summary>
internal static class Mapping
{
    public static V1.ServiceSummary ToSummary(this ServiceView service) =>
        new()
        {
            Name = service.Name,
            State = service.State.ToMessage(),
            Explanation = service.Explanation,
            Image = service.Image,
            Replicas = service.Replicas,
            ReplicasReady = service.Ready,
            Restarts = service.Restarts,
            Since = service.Since.ToTimestamp(),
            Ports = { service.Ports },
        };

    public static V1.ServiceDetail ToDetail(
        this ServiceView service,
        IEnumerable<ProbeView> probes,
        IEnumerable<StoredEvent> events
    ) =>
        new()
        {
            Summary = service.ToSummary(),
            Containers = { service.Containers.Select(ToMessage) },
            DependsOn =
            {
                service.DependsOn.Select(d => new V1.Dependency
                {
                    Service = d.Service,
                    Condition = d.Condition,
                    Satisfied = d.Satisfied,
                }),
            },
            Probes = { probes.Select(ToMessage) },
            RestartPolicy = service.RestartPolicy,
            RecentEvents = { events.Select(e => $"{e.Time.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z {e.Found}: {e.Done}") },
        };

    public static V1.EngineStatus ToMessage(this EngineView engine) =>
        new()
        {
            Reachable = engine.Reachable,
            Version = engine.Version,
            ApiVersion = engine.ApiVersion,
            LiveRestore = engine.LiveRestore,
            Since = engine.Since.ToTimestamp(),
            Error = engine.Error ?? "",
            Endpoint = engine.Endpoint,
        };

    public static V1.DiskStatus ToMessage(this WatchedDisk disk) =>
        new()
        {
            Name = disk.Name,
            Folder = disk.Folder,
            Total = disk.Space.TotalBytes,
            Free = disk.Space.FreeBytes,
            Level = disk.Level switch
            {
                DiskLevel.Enough => V1.DiskLevel.Enough,
                DiskLevel.Low => V1.DiskLevel.Low,
                _ => V1.DiskLevel.High,
            },
        };

    public static V1.ReleaseStatus ToMessage(this ReleaseView release) =>
        new()
        {
            Product = release.Product,
            Version = release.Version,
            Source = release.Digest,
        };

    public static V1.Health ToMessage(this Overall health) =>
        health switch
        {
            Overall.Ok => V1.Health.Ok,
            Overall.Degraded => V1.Health.Degraded,
            _ => V1.Health.Failed,
        };

    public static V1.Event ToMessage(this StoredEvent e) =>
        new()
        {
            Id = e.Id,
            Time = e.Time.ToTimestamp(),
            Severity = e.Severity switch
            {
                EventSeverity.Info => V1.Severity.Info,
                EventSeverity.Warning => V1.Severity.Warning,
                _ => V1.Severity.Error,
            },
            Kind = e.Kind,
            Service = e.Service ?? "",
            Container = e.Container ?? "",
            Found = e.Found,
            Done = e.Done,
        };

    public static V1.AuditRecord ToMessage(this AuditEntry entry) =>
        new()
        {
            Id = entry.Id,
            Time = entry.Time.ToTimestamp(),
            Actor = entry.Actor,
            Role = entry.Role,
            Method = entry.Method,
            Request = entry.Request,
            Outcome = entry.Outcome,
            Detail = entry.Detail,
            Hash = entry.Hash,
        };

    public static V1.ServiceState ToMessage(this ServiceState state) =>
        state switch
        {
            ServiceState.Pending => V1.ServiceState.Pending,
            ServiceState.Waiting or ServiceState.KeptStill => V1.ServiceState.Waiting,
            ServiceState.Starting => V1.ServiceState.Starting,
            ServiceState.Running => V1.ServiceState.Running,
            ServiceState.Unready => V1.ServiceState.Unready,
            ServiceState.Unhealthy => V1.ServiceState.Unhealthy,
            ServiceState.BackingOff => V1.ServiceState.BackingOff,
            ServiceState.Completed => V1.ServiceState.Completed,
            ServiceState.Failed => V1.ServiceState.Failed,
            ServiceState.Stopped => V1.ServiceState.Stopped,
            ServiceState.Stopping => V1.ServiceState.Stopping,
            _ => throw new ArgumentOutOfRangeException(nameof(state), state, "has no message"),
        };

    private static V1.ContainerDetail ToMessage(ContainerView container) =>
        new()
        {
            Id = container.Id,
            Name = container.Name,
            State = container.State,
            Health = container.Health,
            CreatedAt = container.CreatedAt?.ToTimestamp(),
            StartedAt = container.StartedAt?.ToTimestamp(),
            FinishedAt = container.FinishedAt?.ToTimestamp(),
            ExitCode = container.ExitCode,
            OomKilled = container.OomKilled,
            NextAttemptAt = container.NextAttemptAt?.ToTimestamp(),
            Restarts = container.Restarts,
            ImageId = container.ImageId,
            Networks = { container.Networks },
        };

    private static V1.ProbeDetail ToMessage(ProbeView probe) =>
        new()
        {
            Kind = probe.Kind,
            Target = probe.Target,
            Container = probe.Container,
            Healthy = probe.Healthy,
            ConsecutiveFailures = probe.ConsecutiveFailures,
            LastOutput = probe.LastOutput,
            LastCheckedAt = probe.LastCheckedAt?.ToTimestamp(),
        };
}
