using System.Globalization;
using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Rendering;

internal static class CanonicalService
{
    public static CanonicalNode Of(ComposeService service) =>
        new CanonicalMap()
            .Add("image", service.Image.ToString())
            .AddNonEmpty("profiles", service.Profiles)
            .AddList("entrypoint", service.Entrypoint)
            .AddList("command", service.Command)
            .AddNonEmpty("environment", service.Environment)
            .Add("user", service.User)
            .AddNonEmpty("group_add", service.Groups)
            .Add("working_dir", service.WorkingDirectory)
            .Add("hostname", service.Hostname)
            .Add("domainname", service.DomainName)
            .AddNonEmpty("ports", service.Ports, Port)
            .AddNonEmpty("expose", [.. service.Expose.Select(p => Invariant($"{p.Port}/{Word(p.Protocol)}"))])
            .AddNonEmpty("volumes", [.. service.Mounts.Where(m => !IsTmpfsLine(m))], MountOf)
            .AddNonEmpty("tmpfs", [.. service.Mounts.OfType<TmpfsMount>().Where(IsTmpfsLine).Select(TmpfsLine)])
            .AddNonEmpty("secrets", service.Secrets, FileMountOf)
            .AddNonEmpty("configs", service.Configs, FileMountOf)
            .AddEach("networks", service.Networks, n => n.Network, Network)
            .AddNonEmpty("extra_hosts", [.. service.ExtraHosts.Select(h => $"{h.Host}={h.Address}")])
            .AddNonEmpty("dns", service.Dns)
            .AddNonEmpty("dns_search", service.DnsSearch)
            .AddNonEmpty("dns_opt", service.DnsOptions)
            .AddEach("depends_on", service.DependsOn, d => d.Service, Dependency)
            .Add("healthcheck", service.HealthCheck is { } health ? HealthCheckOf(health) : null)
            .Add("restart", Restart(service.Restart))
            .Add("stop_signal", service.StopSignal)
            .Add("stop_grace_period", Durations.Format(service.StopGracePeriod))
            .AddNonEmpty("deploy", CanonicalDeploy.Of(service.Deploy))
            .Add("privileged", service.Host.Privileged)
            .Add("pid", service.Host.Pid ? "host" : null)
            .Add("ipc", service.Host.Ipc ? "host" : null)
            .Add("network_mode", service.Host.Network ? "host" : null)
            .Add("userns_mode", service.Host.UserNamespace ? "host" : null)
            .AddNonEmpty("cap_add", service.CapAdd)
            .AddNonEmpty("cap_drop", service.CapDrop)
            .AddNonEmpty("security_opt", service.SecurityOptions)
            .Add("read_only", service.ReadOnly)
            .Add("init", service.Init is { } init ? new CanonicalNode.Literal(init ? "true" : "false") : null)
            .AddEach("ulimits", service.Ulimits, u => u.Name, UlimitOf)
            .AddNonEmpty("sysctls", service.Sysctls)
            .Add("shm_size", service.SharedMemoryBytes is { } shm ? ByteSizes.Format(shm) : null)
            .Add("logging", service.Logging is { } logging ? LoggingOf(logging) : null)
            .AddNonEmpty("labels", service.Labels)
            .AddNonEmpty(
                "x-appliance",
                new CanonicalMap()
                    .AddNonEmpty("probes", service.Probes, CanonicalProbe.Of)
                    .AddNonEmpty("ingress", service.Ingress, CanonicalIngress.Route)
                    .Add("canary", service.Canary is { } canary ? CanonicalIngress.Canary(canary) : null)
                    .AddNonEmpty("share-safe", service.ShareSafe)
                    .AddNonEmpty(
                        "migration",
                        new CanonicalMap().Add(
                            "timeout",
                            service.Migration is { } migration ? Durations.Format(migration.Timeout) : null
                        )
                    )
            )
            .ToNode();

    private static CanonicalNode Port(PortMapping port) =>
        new CanonicalMap()
            .Add("target", port.Port)
            .Add("published", port.HostPort is { } host ? Invariant($"{host}") : null)
            .Add("host_ip", port.HostIp)
            .Add("protocol", Word(port.Protocol))
            .ToNode();

    private static CanonicalNode MountOf(Mount mount) =>
        mount switch
        {
            VolumeMount volume => Start("volume", volume.Volume, mount)
                .AddNonEmpty("volume", new CanonicalMap().Add("nocopy", volume.NoCopy))
                .ToNode(),
            BindMount bind => Start("bind", bind.Source, mount)
                .Add("bind", new CanonicalMap().Add("create_host_path", Bool(bind.CreateHostPath)).ToNode())
                .ToNode(),
            TmpfsMount tmpfs => Start("tmpfs", null, mount)
                .AddNonEmpty(
                    "tmpfs",
                    new CanonicalMap()
                        .Add("size", tmpfs.SizeBytes is { } size ? ByteSizes.Format(size) : null)
                        .Add("mode", tmpfs.Mode is { } mode ? Modes.Format(mode) : null)
                )
                .ToNode(),
            _ => throw new InvalidOperationException($"{mount.GetType()} is no mount"),
        };

    private static CanonicalMap Start(string type, string? source, Mount mount) =>
        new CanonicalMap()
            .Add("type", type)
            .Add("source", source)
            .Add("target", mount.Target)
            .Add("read_only", mount.ReadOnly);

    // The long form has no place for further options.
    private static bool IsTmpfsLine(Mount mount) => mount is TmpfsMount { Options.Count: > 0 };

    private static string TmpfsLine(TmpfsMount mount)
    {
        var options = new List<string>();
        if (mount.ReadOnly)
            options.Add("ro");
        if (mount.SizeBytes is { } size)
            options.Add($"size={ByteSizes.Format(size)}");
        if (mount.Mode is { } mode)
            options.Add($"mode={Modes.Format(mode)}");
        return $"{mount.Target}:{string.Join(',', options.Concat(mount.Options))}";
    }

    private static CanonicalNode FileMountOf(FileMount mount) =>
        new CanonicalMap()
            .Add("source", mount.Source)
            .Add("target", mount.Target)
            .Add("uid", mount.Uid is { } uid ? Invariant($"{uid}") : null)
            .Add("gid", mount.Gid is { } gid ? Invariant($"{gid}") : null)
            .Add("mode", Modes.Format(mount.Mode))
            .ToNode();

    private static CanonicalNode Network(ServiceNetwork network) =>
        new CanonicalMap()
            .AddNonEmpty("aliases", network.Aliases)
            .Add("ipv4_address", network.Ipv4Address)
            .Add("ipv6_address", network.Ipv6Address)
            .Add("priority", network.Priority == 0 ? null : network.Priority)
            .ToNode();

    private static CanonicalNode Dependency(Dependency dependency) =>
        new CanonicalMap()
            .Add(
                "condition",
                dependency.Condition switch
                {
                    DependencyCondition.Healthy => "service_healthy",
                    DependencyCondition.CompletedSuccessfully => "service_completed_successfully",
                    _ => "service_started",
                }
            )
            .ToNode();

    private static CanonicalNode HealthCheckOf(HealthCheck health) =>
        new CanonicalMap()
            .AddNonEmpty("test", health.Test)
            .Add("interval", Duration(health.Interval))
            .Add("timeout", Duration(health.Timeout))
            .Add("retries", health.Retries)
            .Add("start_period", Duration(health.StartPeriod))
            .Add("start_interval", Duration(health.StartInterval))
            .ToNode();

    private static string? Restart(RestartPolicy restart) =>
        restart switch
        {
            { Declared: false } => null,
            { Kind: RestartKind.Always } => "always",
            { Kind: RestartKind.UnlessStopped } => "unless-stopped",
            { Kind: RestartKind.OnFailure, MaxRetries: { } retries } => Invariant($"on-failure:{retries}"),
            { Kind: RestartKind.OnFailure } => "on-failure",
            _ => "no",
        };

    private static CanonicalNode UlimitOf(Ulimit limit) =>
        new CanonicalMap().Add("soft", limit.Soft).Add("hard", limit.Hard).ToNode();

    private static CanonicalNode LoggingOf(Logging logging) =>
        new CanonicalMap().Add("driver", logging.Driver).AddNonEmpty("options", logging.Options).ToNode();

    private static CanonicalNode.Literal Bool(bool value) => new(value ? "true" : "false");

    private static string? Duration(TimeSpan? duration) => duration is { } d ? Durations.Format(d) : null;

    private static string Word(PortProtocol protocol) => protocol.ToString().ToLowerInvariant();

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
