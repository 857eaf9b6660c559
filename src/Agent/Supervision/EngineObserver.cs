using System.Globalization;
using System.Text.RegularExpressions;
using Appliance.Docker;

namespace Appliance.Agent.Supervision;

/// <summary>
/// Looks at the engine. What an event named since the last look is looked at again, the rest is remembered: a pass after
/// one container's death costs one inspection, however many containers there are.
/// </summary>
internal sealed class EngineObserver(DockerEngine engine, ILogger<EngineObserver> log)
{
    // An engine answers inspections one lock at a time; more at once only queue.
    private const int ParallelInspections = 8;

    private readonly Lock gate = new();
    private readonly Dictionary<string, ObservedContainer> containers = [];
    private readonly HashSet<string> staleContainers = [];
    private Dictionary<string, ObservedNetwork> networks = [];
    private HashSet<string> volumes = [];
    private Dictionary<string, string> imageIds = [];
    private HashSet<string> loadedImages = [];
    private bool allStale = true;
    private bool networksStale = true;
    private bool volumesStale = true;
    private bool imagesStale = true;

    /// <summary>Forgets everything: events may have been missed.</summary>
    public void Invalidate()
    {
        lock (gate)
            allStale = networksStale = volumesStale = imagesStale = true;
    }

    /// <summary>Forgets what a step may have changed: events of it may still be on their way.</summary>
    /// <param name="madeId">The container that it made, if it made one.</param>
    public void Invalidate(Step step, string? madeId)
    {
        lock (gate)
        {
            foreach (var id in (string?[])[madeId, step.ContainerId, (step as Step.Switch)?.OldId])
            {
                if (id is not null)
                    staleContainers.Add(id);
            }
            if (step is Step.ReloadImage reload)
                staleContainers.UnionWith(reload.Containers.Select(c => c.Id));

            networksStale |= step is Step.CreateNetwork or Step.ReplaceNetwork or Step.RemoveNetwork;
            volumesStale |= step is Step.CreateVolume;
            imagesStale |= step is Step.LoadImage or Step.TagImage or Step.ReloadImage;
            // It took containers off the old network.
            allStale |= step is Step.ReplaceNetwork;
        }
    }

    /// <summary>Forgets what the event says has changed.</summary>
    public void Invalidate(EngineEvent e)
    {
        lock (gate)
        {
            switch (e.Type)
            {
                case EventType.Container:
                    staleContainers.Add(e.ActorId);
                    break;
                case EventType.Network:
                    networksStale = true;
                    if (e.Attributes.GetValueOrDefault("container") is { } container)
                        staleContainers.Add(container);
                    break;
                case EventType.Volume:
                    volumesStale = true;
                    break;
                case EventType.Image:
                    imagesStale = true;
                    break;
            }
        }
    }

    /// <exception cref="EngineUnavailableException">The engine is gone; the next look starts from nothing.</exception>
    public async Task<ObservedState> ObserveAsync(DesiredState desired, CancellationToken ct)
    {
        bool all,
            withNetworks,
            withVolumes,
            withImages;
        string[] stale;
        lock (gate)
        {
            (all, withNetworks, withVolumes, withImages) = (allStale, networksStale, volumesStale, imagesStale);
            stale = [.. staleContainers];
            allStale = networksStale = volumesStale = imagesStale = false;
            staleContainers.Clear();
        }

        try
        {
            if (withNetworks)
                await LookAtNetworksAsync(desired.Project, ct);
            if (withVolumes)
                volumes = [.. (await engine.Volumes.ListAsync(new VolumeQuery(), ct)).Select(v => v.Name)];
            if (withImages)
                await LookAtImagesAsync(ct);
            if (all)
            {
                stale =
                [
                    .. (await engine.Containers.ListAsync(new ContainerQuery { All = true }, ct))
                        .Where(c => IsOurConcern(desired, c.Labels, c.Names))
                        .Select(c => c.Id),
                ];
                foreach (var gone in containers.Keys.Except(stale).ToList())
                    containers.Remove(gone);
            }

            await LookAtContainersAsync(desired, stale, ct);
        }
        catch
        {
            // What was being looked at is neither old nor new now.
            Invalidate();
            throw;
        }

        return new ObservedState([.. containers.Values], networks, volumes, imageIds, loadedImages);
    }

    private async Task LookAtContainersAsync(DesiredState desired, string[] ids, CancellationToken ct)
    {
        var found = new ObservedContainer?[ids.Length];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, ids.Length),
            new ParallelOptions { MaxDegreeOfParallelism = ParallelInspections, CancellationToken = ct },
            async (i, token) => found[i] = await LookAtContainerAsync(desired, ids[i], token)
        );
        for (var i = 0; i < ids.Length; i++)
        {
            if (found[i] is { } container)
                containers[ids[i]] = container;
            else
                containers.Remove(ids[i]);
        }
    }

    private async Task<ObservedContainer?> LookAtContainerAsync(DesiredState desired, string id, CancellationToken ct)
    {
        try
        {
            var c = await engine.Containers.InspectAsync(id, ct);
            return IsOurConcern(desired, c.Config.Labels, [c.Name]) ? Translate(desired, c) : null;
        }
        catch (EngineNotFoundException)
        {
            return null;
        }
        catch (DockerEngineException e)
        {
            // One container that the engine cannot describe must not hide all others: it stays as last seen.
            log.ContainerUnreadable(id, e.Message);
            lock (gate)
                staleContainers.Add(id);
            return containers.GetValueOrDefault(id);
        }
    }

    private static bool IsOurConcern(
        DesiredState desired,
        IReadOnlyDictionary<string, string> labels,
        IReadOnlyList<string> names
    ) =>
        labels.GetValueOrDefault(Labels.Project) == desired.Project
        || names.Any(n => n.TrimStart('/').StartsWith(desired.Project + "-", StringComparison.Ordinal));

    private async Task LookAtNetworksAsync(string project, CancellationToken ct) =>
        networks = (await engine.Networks.ListAsync(new NetworkQuery(), ct))
            .DistinctBy(n => n.Name)
            .ToDictionary(
                n => n.Name,
                n => new ObservedNetwork(
                    n.Id,
                    n.Name,
                    n.Labels.GetValueOrDefault(Labels.ConfigHash),
                    n.Labels.GetValueOrDefault(Labels.Project) == project
                )
                {
                    Subnets = [.. n.Addresses.Config.Select(c => c.Range).OfType<string>()],
                }
            );

    private async Task LookAtImagesAsync(CancellationToken ct)
    {
        var images = await engine.Images.ListAsync(new ImageQuery(), ct);
        loadedImages = [.. images.Select(i => i.Id)];
        imageIds = images
            .SelectMany(i => i.RepoTags.Select(t => (Tag: t, i.Id)))
            .DistinctBy(p => p.Tag)
            .ToDictionary(p => p.Tag, p => p.Id);
    }

    private static ObservedContainer Translate(DesiredState desired, ContainerInspection c)
    {
        var labels = c.Config.Labels;
        var labelled =
            labels.GetValueOrDefault(Labels.Project) == desired.Project
            && labels.GetValueOrDefault(Labels.Service) is { } service
            && int.TryParse(
                labels.GetValueOrDefault(Labels.Replica),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var n
            )
                ? new Slot(service, n)
                : (Slot?)null;
        return new ObservedContainer(
            c.Id,
            c.Name,
            labelled ?? SlotNamedBy(desired, c.Name),
            labelled is not null,
            OwnerOf(labels) is { } owner && owner != desired.Project ? owner : null,
            labels.GetValueOrDefault(Labels.ConfigHash),
            c.ImageId,
            StateOf(c.State),
            HealthOf(c.State.Health),
            c.State.Health?.Log is [.., var last] ? last.Output.Trim() : "",
            c.State.ExitCode,
            c.State.OutOfMemory,
            c.State.Error,
            c.Created,
            c.State.StartedAt,
            c.State.FinishedAt,
            c.HostConfig.RestartPolicy?.Name ?? "",
            // A join that failed leaves an entry without an endpoint, which is no connection.
            c.NetworkSettings.Networks.Where(p => !c.State.Running || p.Value.EndpointId is { Length: > 0 })
                .ToDictionary(p => p.Key, p => p.Value.NetworkId ?? ""),
            c.NetworkSettings.Networks.Where(p => p.Value.IPAddress is { Length: > 0 })
                .ToDictionary(p => p.Key, p => p.Value.IPAddress!),
            [.. PortsOf(c.NetworkSettings.Ports)]
        )
        {
            StopGrace = TimeSpan.FromSeconds(c.Config.StopTimeout ?? 10),
            Claims = Claims.Of(c.HostConfig),
            Volumes = [.. c.Mounts.Where(m => m.Type is MountType.Volume).Select(m => m.Name).OfType<string>()],
            Reaches = labelled is null ? [] : labels.GetValueOrDefault(Labels.Reaches)?.Split(' ') ?? [],
            HasUnnamedVolume = c.Mounts.Any(m => m is { Type: MountType.Volume, Name: { } name } && IsMadeUp(name)),
        };
    }

    // The engine names a volume that nobody named by 64 digits.
    private static bool IsMadeUp(string name) => name.Length == 64 && name.All(char.IsAsciiHexDigitLower);

    private static string? OwnerOf(IReadOnlyDictionary<string, string> labels) =>
        labels.GetValueOrDefault(Labels.Project) ?? labels.GetValueOrDefault(Labels.ComposeProject);

    /// <summary>Who lost its labels, or never had them, still stands in the way of the slot whose name it holds.</summary>
    private static Slot? SlotNamedBy(DesiredState desired, string name)
    {
        foreach (var service in desired.Services)
        {
            var match = Regex.Match(
                name,
                $@"^{Regex.Escape(desired.Project)}-{Regex.Escape(service.Name)}-([1-9][0-9]{{0,3}})(-old-[0-9a-f]{{6}})?\z",
                RegexOptions.CultureInvariant,
                TimeSpan.FromSeconds(1)
            );
            if (match.Success)
                return new Slot(service.Name, int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
        }

        return null;
    }

    private static IEnumerable<string> PortsOf(IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?> ports) =>
        ports.SelectMany(p =>
            (p.Value ?? []).Select(b =>
                $"{(b.HostIp.Contains(':', StringComparison.Ordinal) ? $"[{b.HostIp}]" : b.HostIp)}:{b.HostPort}->{p.Key}"
            )
        );

    private static RunState StateOf(ContainerState state) =>
        state.Status switch
        {
            ContainerStatus.Created => RunState.Created,
            ContainerStatus.Running => RunState.Running,
            ContainerStatus.Paused => RunState.Paused,
            ContainerStatus.Restarting => RunState.Restarting,
            ContainerStatus.Exited => RunState.Exited,
            ContainerStatus.Removing => RunState.Removing,
            // Only a forced removal is left for it, and for what we do not know.
            _ => RunState.Dead,
        };

    private static HealthState HealthOf(ContainerHealth? health) =>
        health?.Status switch
        {
            HealthStatus.Starting => HealthState.Starting,
            HealthStatus.Healthy => HealthState.Healthy,
            HealthStatus.Unhealthy => HealthState.Unhealthy,
            _ => HealthState.None,
        };
}
