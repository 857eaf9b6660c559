using System.Globalization;
using Appliance.Agent.Content;
using Appliance.Bundles.Compose;
using Appliance.Docker;
using Ulimit = Appliance.Docker.Ulimit;

namespace Appliance.Agent.Supervision;

/// <summary>What a container of a service is made from; everything but its replica number and its name.</summary>
/// <param name="fileOf">Where on the host a secret or config stands with the owner and mode that a service wants.</param>
internal sealed class ContainerRecipe(Release release, Func<ComposeFile, FileMount, string> fileOf)
{
    // The engine's own default keeps every line for ever, and fills the disk.
    private static readonly LogConfig CappedLogs = new()
    {
        Type = "json-file",
        Config = new Dictionary<string, string> { ["max-file"] = "3", ["max-size"] = "10m" },
    };

    private readonly ComposeModel model = release.Model;

    public static string NetworkName(string project, string network) => $"{project}_{network}";

    public static string VolumeName(string project, string volume) => $"{project}_{volume}";

    public string VolumeName(string volume) => VolumeName(model.Name, volume);

    /// <summary>The networks of a service, in the order in which they are joined.</summary>
    public IReadOnlyList<Attachment> AttachmentsOf(ComposeService service) =>
        [
            .. service
                .Networks.OrderByDescending(n => n.Priority)
                .Select(n => new Attachment(
                    NetworkName(model.Name, n.Network),
                    [service.Name, .. n.Aliases.Where(a => a != service.Name)],
                    n.Ipv4Address,
                    n.Ipv6Address
                )),
        ];

    public ContainerSpec For(ComposeService service)
    {
        // Before API 1.44 the engine joins one network at creation; the reconciler connects the others.
        var first = AttachmentsOf(service) is [var a, ..] ? a : null;
        return new ContainerSpec
        {
            // By id: a tag may move, and the same image under another tag is the same.
            Image = release.Images[service.Image.ToString()].Config.Digest,
            Cmd = service.Command,
            // An empty list would mean "the image's"; one empty string clears it.
            Entrypoint = service.Entrypoint is { Count: 0 } ? [""] : service.Entrypoint,
            Env = [.. service.Environment.OrderBy(e => e.Key).Select(e => $"{e.Key}={e.Value}")],
            ExposedPorts =
            [
                .. service
                    .Expose.Select(p => PortKey(p.Port, p.Protocol))
                    .Concat(service.Ports.Select(p => PortKey(p.Port, p.Protocol)))
                    .Distinct()
                    .Order(),
            ],
            Labels = DesiredStateBuilder.With(
                service.Labels,
                (Labels.Project, model.Name),
                (Labels.Service, service.Name)
            ),
            User = service.User,
            WorkingDir = service.WorkingDirectory,
            Hostname = service.Hostname,
            Domainname = service.DomainName,
            Healthcheck = HealthcheckOf(service.HealthCheck),
            StopSignal = service.StopSignal,
            StopTimeout = (int)Math.Ceiling(service.StopGracePeriod.TotalSeconds),
            HostConfig = HostOf(service, first),
            NetworkingConfig = first is null
                ? null
                : new NetworkingConfig
                {
                    EndpointsConfig = new Dictionary<string, EndpointSettings> { [first.Network] = EndpointOf(first) },
                },
        };
    }

    public static EndpointSettings EndpointOf(Attachment attachment) =>
        new()
        {
            Aliases = attachment.Aliases,
            Addresses =
                attachment.Ipv4Address is null && attachment.Ipv6Address is null
                    ? null
                    : new EndpointAddresses
                    {
                        IPv4Address = attachment.Ipv4Address,
                        IPv6Address = attachment.Ipv6Address,
                    },
        };

    private HostConfig HostOf(ComposeService service, Attachment? first)
    {
        var (limits, reservations) = (service.Deploy.Limits, service.Deploy.Reservations);
        return new HostConfig
        {
            Binds =
            [
                .. service
                    .Mounts.OfType<BindMount>()
                    .Where(m => m.CreateHostPath)
                    .Select(m => $"{m.Source}:{m.Target}" + (m.ReadOnly ? ":ro" : "")),
            ],
            Mounts = [.. service.Mounts.Select(MountOf).OfType<MountSpec>(), .. FilesOf(service)],
            Tmpfs = service.Mounts.OfType<TmpfsMount>().ToDictionary(m => m.Target, TmpfsOptionsOf),
            PortBindings = service
                .Ports.GroupBy(p => PortKey(p.Port, p.Protocol))
                .ToDictionary(
                    g => g.Key,
                    IReadOnlyList<PortBinding>? (g) =>
                        [
                            .. g.Select(p => new PortBinding
                            {
                                HostIp = p.HostIp ?? "",
                                HostPort = p.HostPort?.ToString(CultureInfo.InvariantCulture) ?? "",
                            }),
                        ]
                ),
            RestartPolicy = Appliance.Docker.RestartPolicy.No,
            NetworkMode = service.Host.Network ? "host" : first?.Network,
            Memory = limits.MemoryBytes,
            MemoryReservation = reservations.MemoryBytes,
            NanoCpus = limits.Cpus is { } cpus ? (long)(cpus * 1_000_000_000m) : null,
            PidsLimit = limits.Pids,
            CapAdd = service.CapAdd,
            CapDrop = service.CapDrop,
            SecurityOpt = service.SecurityOptions,
            ReadonlyRootfs = service.ReadOnly,
            Init = service.Init,
            Ulimits =
            [
                .. service.Ulimits.Select(u => new Ulimit
                {
                    Name = u.Name,
                    Soft = u.Soft,
                    Hard = u.Hard,
                }),
            ],
            Sysctls = service.Sysctls,
            ShmSize = service.SharedMemoryBytes,
            ExtraHosts = [.. service.ExtraHosts.Select(h => $"{h.Host}:{h.Address}")],
            Dns = service.Dns,
            DnsSearch = service.DnsSearch,
            DnsOptions = service.DnsOptions,
            LogConfig = service.Logging is { } logging
                ? new LogConfig { Type = logging.Driver, Config = logging.Options }
                : CappedLogs,
            GroupAdd = service.Groups,
            Privileged = service.Host.Privileged ? true : null,
            PidMode = service.Host.Pid ? "host" : null,
            IpcMode = service.Host.Ipc ? "host" : null,
            UsernsMode = service.Host.UserNamespace ? "host" : null,
        };
    }

    private MountSpec? MountOf(Mount mount) =>
        mount switch
        {
            VolumeMount v => new MountSpec
            {
                Type = MountType.Volume,
                Source = VolumeName(v.Volume),
                Target = v.Target,
                ReadOnly = v.ReadOnly,
                VolumeOptions = v.NoCopy ? new VolumeMountOptions { NoCopy = true } : null,
            },
            BindMount { CreateHostPath: false } b => new MountSpec
            {
                Type = MountType.Bind,
                Source = b.Source,
                Target = b.Target,
                ReadOnly = b.ReadOnly,
            },
            _ => null,
        };

    private IEnumerable<MountSpec> FilesOf(ComposeService service) =>
        service
            .Secrets.Select(m => (Mount: m, File: model.Secrets[m.Source]))
            .Concat(service.Configs.Select(m => (Mount: m, File: model.Configs[m.Source])))
            .Select(f => new MountSpec
            {
                Type = MountType.Bind,
                Source = fileOf(f.File, f.Mount),
                Target = f.Mount.Target,
                ReadOnly = true,
            });

    private static string TmpfsOptionsOf(TmpfsMount mount) =>
        string.Join(
            ',',
            mount
                .Options.Concat(mount.ReadOnly ? ["ro"] : [])
                .Concat(mount.SizeBytes is { } size ? [$"size={size}"] : [])
                .Concat(mount.Mode is { } mode ? [$"mode={Convert.ToString(mode, 8)}"] : [])
        );

    private static HealthcheckSpec? HealthcheckOf(HealthCheck? check) =>
        check is null
            ? null
            : new HealthcheckSpec
            {
                Test = check.Test,
                Interval = check.Interval ?? TimeSpan.Zero,
                Timeout = check.Timeout ?? TimeSpan.Zero,
                StartPeriod = check.StartPeriod ?? TimeSpan.Zero,
                StartInterval = check.StartInterval ?? TimeSpan.Zero,
                Retries = check.Retries ?? 0,
            };

    private static string PortKey(int port, PortProtocol protocol) =>
        $"{port}/{protocol switch { PortProtocol.Udp => "udp", PortProtocol.Sctp => "sctp", _ => "tcp" }}";
}
