using System.Security.Cryptography;
using System.Text;
using Appliance.Agent.Content;
using Appliance.Bundles.Compose;
using Appliance.Docker;

namespace Appliance.Agent.Supervision;

/// <summary>Translates a release into the engine's terms. The same release gives the same specs and hashes.</summary>
internal static class DesiredStateBuilder
{
    /// <param name="fileOf">See <see cref="Build(Release, Func{ComposeFile, FileMount, string}, bool)"/>.</param>
    public static DesiredState Build(RunningRelease what, Func<ComposeFile, FileMount, string> fileOf) =>
        WithStandstill(Mix(what, fileOf), what);

    private static DesiredState Mix(RunningRelease what, Func<ComposeFile, FileMount, string> fileOf) =>
        what.Next is { } next
            ? DesiredStateMix.Of(
                Build(what.Release, fileOf, what.IsReturn),
                Build(next, fileOf, what.IsReturn),
                what.IsSwitched,
                what.HasBegun,
                what.Canary
            )
        : what.Before is { } before
            ? DesiredStateMix.After(Build(before, fileOf), Build(what.Release, fileOf, what.IsReturn), what.IsCommitted)
        : Build(what.Release, fileOf, what.IsReturn);

    private static DesiredState WithStandstill(DesiredState state, RunningRelease what) =>
        state with
        {
            Still = what.Still,
            IsClosed = what.IsClosed,
            IsUnknown = what.IsUnknown,
            Services =
            [
                .. state.Services.Select(s =>
                    s with
                    {
                        MayUseStill = what.IsSwitched(s.Name),
                        IsKeptStill = !what.IsSwitched(s.Name) && s.Volumes.Any(what.Still.Contains),
                    }
                ),
            ],
        };

    /// <param name="fileOf">Where on the host a secret or config stands with the owner and mode that a service wants.</param>
    /// <param name="isReturn">See <see cref="RunningRelease.IsReturn"/>.</param>
    public static DesiredState Build(
        Release release,
        Func<ComposeFile, FileMount, string> fileOf,
        bool isReturn = false
    )
    {
        var model = release.Model;
        var enabled = model.EnabledServices([]).ToList();
        var completedFor = enabled
            .SelectMany(s => s.DependsOn)
            .Where(d => d.Condition is DependencyCondition.CompletedSuccessfully)
            .Select(d => d.Service)
            .ToHashSet();

        var containers = new ContainerRecipe(release, fileOf);
        var listeners = new InternalListeners(model, enabled);
        var services = DependencyOrder.Of(enabled, s => s.Name, s => s.DependsOn.Select(d => d.Service));
        return new DesiredState(
            model.Name,
            enabled
                .SelectMany(s => s.Networks)
                .Select(n => model.Networks[n.Network])
                .Distinct()
                .Select(n => NetworkOf(model.Name, n))
                .ToDictionary(n => n.Name),
            enabled
                .SelectMany(s => s.Mounts)
                .OfType<VolumeMount>()
                .Select(m => model.Volumes[m.Volume])
                .Distinct()
                .Select(v => VolumeOf(model.Name, v))
                .ToDictionary(v => v.Name),
            enabled
                .Select(s => release.Images[s.Image.ToString()])
                .DistinctBy(i => i.Config.Digest)
                .ToDictionary(
                    i => i.Config.Digest,
                    i => new DesiredImage(i.Config.Digest, i.Reference, ImageTag.Of(i.Reference), i)
                ),
            [.. services.Select(s => ServiceOf(s, containers, listeners, completedFor.Contains(s.Name), isReturn))]
        );
    }

    public static string HashOf(params IEnumerable<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            // The length keeps two different splits of the same text apart.
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static DesiredService ServiceOf(
        ComposeService service,
        ContainerRecipe containers,
        InternalListeners listeners,
        bool isWaitedFor,
        bool isReturn
    )
    {
        var spec = containers.For(service);
        var attachments = containers.AttachmentsOf(service);
        var hash = HashOf([
            spec.ToJson(),
            .. attachments.Select(a => $"{a.Network} {a.Ipv4Address} {a.Ipv6Address} {string.Join(' ', a.Aliases)}"),
        ]);
        return new DesiredService(
            service.Name,
            service.Image.ToString(),
            spec.Image!,
            service.Deploy.Replicas,
            RuleOf(service.Restart, isWaitedFor),
            InComposeWords(service.Restart),
            service.Restart.MaxRetries,
            service.Probes,
            service.StopGracePeriod,
            hash,
            [.. service.DependsOn.Select(d => new DesiredDependency(d.Service, d.Condition))],
            attachments,
            [.. service.Mounts.OfType<VolumeMount>().Select(m => containers.VolumeName(m.Volume)).Distinct()],
            spec
        )
        {
            Claims = Claims.Of(spec.HostConfig!),
            SharedClaims = service
                .ShareSafe.Select(s => Claims.ContentsOf(s.StartsWith('/') ? s : containers.VolumeName(s)))
                .ToHashSet(),
            IsMeantToEnd = isWaitedFor || service.Restart is { Declared: true, Kind: RestartKind.No },
            Exchange = Exchange.Of(PolicyOf(service.Deploy, isReturn)),
            Routes = service.Ingress,
            CanaryWeight = service.Canary?.Weight,
            Listener = listeners.Of(service),
            IsReachedInside = listeners.IsUsed(service),
            Reaches = listeners.ReachedBy(service),
            Gap = listeners.GapOf(service),
        };
    }

    /// <summary>How the replicas of a service are exchanged.</summary>
    /// <param name="isReturn">See <see cref="RunningRelease.IsReturn"/>.</param>
    // A release that says how it is to be updated without a gap, and nothing of the way back, wants no gap there either.
    public static UpdatePolicy PolicyOf(Deploy deploy, bool isReturn) =>
        isReturn && deploy.Rollback != UpdatePolicy.Default ? deploy.Rollback : deploy.Update;

    /// <summary>
    /// A file that says nothing about restarts means a service that is to run; only one that others wait for the end of
    /// is meant to end.
    /// </summary>
    private static RestartRule RuleOf(Bundles.Compose.RestartPolicy policy, bool isWaitedFor) =>
        policy switch
        {
            { Declared: false } => isWaitedFor ? RestartRule.OnFailure : RestartRule.Always,
            { Kind: RestartKind.No } => RestartRule.Never,
            { Kind: RestartKind.OnFailure } => RestartRule.OnFailure,
            _ => RestartRule.Always,
        };

    private static string InComposeWords(Bundles.Compose.RestartPolicy policy) =>
        policy switch
        {
            { Declared: false } => "not declared",
            { Kind: RestartKind.No } => "no",
            { Kind: RestartKind.Always } => "always",
            { Kind: RestartKind.UnlessStopped } => "unless-stopped",
            { MaxRetries: { } n } => $"on-failure:{n}",
            _ => "on-failure",
        };

    private static DesiredNetwork NetworkOf(string project, ComposeNetwork network)
    {
        var name = ContainerRecipe.NetworkName(project, network.Name);
        var spec = new NetworkSpec
        {
            Name = name,
            Internal = network.Internal,
            Attachable = network.Attachable,
            EnableIPv6 = network.EnableIpv6,
            Addresses =
                network.Pools.Count == 0
                    ? null
                    : new NetworkAddresses
                    {
                        Config =
                        [
                            .. network.Pools.Select(p => new Subnet
                            {
                                Range = p.Subnet,
                                HandedOut = p.Range,
                                Gateway = p.Gateway,
                                AuxiliaryAddresses = p.AuxiliaryAddresses,
                            }),
                        ],
                    },
            Options = network.DriverOptions,
            Labels = network.Labels,
        };
        var hash = HashOf(spec.ToJson());
        return new DesiredNetwork(
            name,
            hash,
            spec with
            {
                Labels = With(spec.Labels, (Labels.Project, project), (Labels.ConfigHash, hash)),
            }
        );
    }

    private static DesiredVolume VolumeOf(string project, ComposeVolume volume)
    {
        var name = ContainerRecipe.VolumeName(project, volume.Name);
        return new DesiredVolume(
            name,
            new VolumeSpec
            {
                Name = name,
                DriverOpts = volume.DriverOptions,
                Labels = With(volume.Labels, (Labels.Project, project)),
            }
        );
    }

    public static Dictionary<string, string> With(
        IReadOnlyDictionary<string, string>? labels,
        params IEnumerable<(string Name, string Value)> more
    )
    {
        var all = new Dictionary<string, string>(labels ?? new Dictionary<string, string>());
        foreach (var (name, value) in more)
            all[name] = value;
        return all;
    }
}
