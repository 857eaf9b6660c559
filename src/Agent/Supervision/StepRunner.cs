using System.Globalization;
using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Docker;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Supervision;

/// <summary>Takes one step. Each may be repeated, and may find that somebody has been quicker.</summary>
internal sealed class StepRunner(
    DockerEngine engine,
    ImageLoader images,
    UpdateJournal journal,
    IOptionsMonitor<SupervisionOptions> options
)
{
    private const long Mebibyte = 1024 * 1024;

    /// <exception cref="EngineUnavailableException">The engine is gone; whether the step took effect is seen on the next pass.</exception>
    /// <exception cref="DockerEngineException">The engine refused, with its reason.</exception>
    /// <exception cref="IOException">An image is not stored.</exception>
    /// <returns>The id of the container that it made, if it made one.</returns>
    public async Task<string?> RunAsync(Step step, CancellationToken ct)
    {
        if (step is Step.Create create)
            return await CreateAsync(create, ct);
        await ChangeAsync(step, ct);
        return null;
    }

    private Task ChangeAsync(Step step, CancellationToken ct) =>
        step switch
        {
            Step.CreateNetwork s => CreateNetworkAsync(s.Network, ct),
            Step.ReplaceNetwork s => ReplaceNetworkAsync(s, ct),
            Step.RemoveNetwork s => RemoveNetworkAsync(s.Id, ct),
            Step.CreateVolume s => EffectAsync("volume.create", () => engine.Volumes.CreateAsync(s.Volume.Spec, ct)),
            Step.LoadImage s => images.LoadAsync([s.Image.Image], bytes: null, ct),
            Step.TagImage s => EffectAsync(
                "image.tag",
                () => engine.Images.TagAsync(s.Image.Id, s.Tag.Repository, s.Tag.Tag, ct)
            ),
            Step.Start s => StartAsync(s.Id, ct),
            Step.Restart s => EffectAsync("container.restart", () => engine.Containers.RestartAsync(s.Id, s.Grace, ct)),
            Step.Stop s => StopAsync(s.Id, s.Grace, ct),
            Step.Unpause s => EffectAsync("container.unpause", () => engine.Containers.UnpauseAsync(s.Id, ct)),
            Step.Switch s => SwitchAsync(s, ct),
            Step.Remove s => RemoveAsync(s.Id, s.Grace, ct),
            Step.Recreate s => RemoveAsync(s.Id, s.Grace, ct),
            Step.ReloadImage s => ReloadImageAsync(s, ct),
            Step.Rename s => EffectAsync("container.rename", () => engine.Containers.RenameAsync(s.Id, s.To, ct)),
            Step.Connect s => ConnectAsync(s, ct),
            Step.TakeOverRestarts s => EffectAsync(
                "container.update",
                () => engine.Containers.UpdateAsync(s.Id, new ContainerUpdate { RestartPolicy = RestartPolicy.No }, ct)
            ),
            _ => throw new InvalidOperationException($"no way to take {step.GetType().Name}"),
        };

    private async Task<string> CreateAsync(Step.Create step, CancellationToken ct)
    {
        var slot = step.Slot!.Value;
        var spec = step.Service.Spec with
        {
            Labels = DesiredStateBuilder.With(
                step.Service.Spec.Labels,
                (Labels.Replica, slot.Replica.ToString(CultureInfo.InvariantCulture)),
                (Labels.ConfigHash, step.Service.ConfigHash)
            ),
            HostConfig = step.Service.Spec.HostConfig! with
            {
                LogConfig = LogCap.Of(step.Service.Spec.HostConfig!.LogConfig!, options.CurrentValue.LogCap * Mebibyte),
            },
        };
        if (step.Reaches.Count > 0)
            spec = spec with
            {
                Labels = DesiredStateBuilder.With(
                    spec.Labels,
                    (Labels.Reaches, string.Join(' ', step.Reaches.Select(r => r.Entry)))
                ),
                HostConfig = spec.HostConfig! with
                {
                    ExtraHosts =
                    [
                        .. spec.HostConfig.ExtraHosts ?? [],
                        .. step.Reaches.SelectMany(r => r.Names.Select(n => $"{n}:{r.Address}")),
                    ],
                },
            };
        Failpoint.Before("container.create");
        var created = await engine.Containers.CreateAsync(step.Name, spec, ct);
        Failpoint.After("container.create");
        foreach (var attachment in step.Service.Attachments.Skip(1))
            await ConnectAsync(attachment, created.Id, ct);
        return created.Id;
    }

    private async Task SwitchAsync(Step.Switch step, CancellationToken ct)
    {
        await StopAsync(step.OldId, step.Grace, ct);
        try
        {
            await StartAsync(step.NewId, ct);
        }
        catch (DockerEngineException)
        {
            // What served before serves again; the reason travels on to whoever explains it.
            await StartAsync(step.OldId, ct);
            throw;
        }
    }

    private async Task RemoveAsync(string id, TimeSpan grace, CancellationToken ct)
    {
        await IgnoreMissing(StopAsync(id, grace, ct));
        await IgnoreMissing(
            EffectAsync(
                "container.remove",
                () => engine.Containers.RemoveAsync(id, force: true, removeAnonymousVolumes: false, ct)
            )
        );
    }

    private async Task ReloadImageAsync(Step.ReloadImage step, CancellationToken ct)
    {
        // Nothing is taken away before it is sure that it can be put back.
        await images.ProveStoredAsync(step.Image.Image, ct);
        var goes = step.Containers.Select(c => c.Id).ToHashSet();
        var others = (await engine.Containers.ListAsync(new ContainerQuery { All = true }, ct))
            .Where(c => !goes.Contains(c.Id))
            .ToList();
        if (others.FirstOrDefault(c => c.ImageId == step.Image.Id) is { } user)
            throw new IOException(
                $"{user.Names.FirstOrDefault(user.Id).TrimStart('/')} was made from {step.Image.Reference} too"
            );
        foreach (var container in step.Containers)
            await RemoveAsync(container.Id, container.StopGrace, ct);
        if (!await images.RemoveAsync(step.Image.Id, ct))
            throw new IOException($"the engine does not give up {step.Image.Reference}: something uses it");
        var used = others.Select(c => c.ImageId).ToHashSet();
        // What is kept for a rollback is loaded for it, when it is not there.
        await images.RemoveKinAsync(step.Image.Image, journal.LoadedImages.Where(id => !used.Contains(id)), ct);
        await images.LoadAsync([step.Image.Image], bytes: null, ct);
    }

    private async Task ConnectAsync(Step.Connect step, CancellationToken ct)
    {
        if (step.StaleNetworkId is { Length: > 0 } stale)
            await IgnoreMissing(engine.Networks.DisconnectAsync(stale, step.Id, force: true, ct));
        await ConnectAsync(step.Attachment, step.Id, ct);
    }

    private async Task ReplaceNetworkAsync(Step.ReplaceNetwork step, CancellationToken ct)
    {
        var network = await engine.Networks.InspectAsync(step.ObservedId, ct);
        foreach (var container in network.Containers.Keys)
            await IgnoreMissing(engine.Networks.DisconnectAsync(step.ObservedId, container, force: true, ct));
        await RemoveNetworkAsync(step.ObservedId, ct);
        await CreateNetworkAsync(step.Network, ct);
    }

    private Task StartAsync(string id, CancellationToken ct) =>
        EffectAsync("container.start", () => engine.Containers.StartAsync(id, ct));

    private Task StopAsync(string id, TimeSpan grace, CancellationToken ct) =>
        EffectAsync("container.stop", () => engine.Containers.StopAsync(id, grace, signal: null, ct));

    private Task CreateNetworkAsync(DesiredNetwork network, CancellationToken ct) =>
        EffectAsync("network.create", () => engine.Networks.CreateAsync(network.Spec, ct));

    private Task RemoveNetworkAsync(string id, CancellationToken ct) =>
        IgnoreMissing(EffectAsync("network.remove", () => engine.Networks.RemoveAsync(id, ct)));

    private Task ConnectAsync(Attachment attachment, string id, CancellationToken ct) =>
        EffectAsync(
            "network.connect",
            () => engine.Networks.ConnectAsync(attachment.Network, id, ContainerRecipe.EndpointOf(attachment), ct)
        );

    private static async Task EffectAsync(string name, Func<Task> effect)
    {
        Failpoint.Before(name);
        await effect();
        Failpoint.After(name);
    }

    // Gone already is what was wanted.
    private static async Task IgnoreMissing(Task call)
    {
        try
        {
            await call;
        }
        catch (EngineNotFoundException) { }
    }
}
