using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Drills;

/// <summary>
/// An image that the engine has lost, with all containers that were made from it. Taking it away, and not spoiling its files:
/// that is nothing that could be undone if the agent did not load it again.
/// </summary>
internal sealed class CorruptImage(
    DockerEngine engine,
    ImageLoader images,
    ContentStore store,
    KnownReleases releases,
    UpdateJournal journal,
    Completions completions,
    ISupervisor supervisor
) : Disaster
{
    // Supervision makes another container at once, which keeps the image from going.
    private const int Tries = 10;

    public override string Name => "corrupt-image";

    public override string What => "takes the image of a service from the engine, with all containers made from it";

    public override async Task<string?> WhyNotAsync(Target target, CancellationToken ct)
    {
        var users = await UsersAsync(target.Container.ImageId, ct);
        return WhyKept(users, target) ?? await WhyNotLoadedAgainAsync(target, ImageIsThere, ct);

        Task ImageIsThere(ReleaseImage image) =>
            image.Layers.Select(store.StoredAs).Prepend(image.Config).FirstOrDefault(b => !store.Contains(b))
                is { } missing
                ? throw new IOException($"{missing.Digest} is not stored, or not all of it")
                : Task.CompletedTask;
    }

    /// <summary>All of it is read, and what is damaged is dropped.</summary>
    public override Task<string?> WhyNotAfterAllAsync(Target target, CancellationToken ct) =>
        WhyNotLoadedAgainAsync(target, image => images.ProveStoredAsync(image, ct), ct);

    public override Expectation Expect(Target target, bool isShort) =>
        new(Course.Healed, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(60) + target.Timings.Start);

    public override async Task<Injection> PlanAsync(Target target, CancellationToken ct)
    {
        var image = (await FindAsync(target, ct))?.Reference ?? target.Container.ImageId;
        return new Injection(image, $"takes {image} from the engine, with the containers made from it", null);
    }

    public override async Task InjectAsync(Target target, Injection injection, CancellationToken ct)
    {
        var hasBegun = false;
        try
        {
            for (var left = Tries; left > 0; left--)
            {
                var users = await UsersAsync(target.Container.ImageId, ct);
                // Somebody else's, or one at its work, may have come since.
                if (WhyKept(users, target) is { } kept)
                    throw new InjectionException(kept) { HasBegun = hasBegun };
                hasBegun |= users.Count > 0;
                await Task.WhenAll(users.Select(u => RemoveAsync(u.Id, ct)));
                if (await TryRemoveAsync(target.Container.ImageId, ct))
                    return;
            }
        }
        catch (DockerEngineException e)
        {
            throw new InjectionException(e.Message, e) { HasBegun = hasBegun };
        }
        throw new InjectionException($"{injection.Hits} was in use again and again") { HasBegun = hasBegun };
    }

    public override bool IsToldBy(StoredEvent e, Target target) =>
        base.IsToldBy(e, target) || e.Kind.StartsWith("image.", StringComparison.Ordinal);

    /// <summary>Why a container that was made from the image stays, and so the image; null: all may go.</summary>
    private string? WhyKept(IReadOnlyList<ContainerInspection> users, Target target) =>
        users.Select(u => WhyKept(u, target)).FirstOrDefault(w => w is not null);

    private string? WhyKept(ContainerInspection user, Target target)
    {
        // As supervision has it: another container would not have what is in there.
        if (user.Mounts.FirstOrDefault(m => m is { Type: MountType.Volume, Name: { Length: 64 } }) is { } unnamed)
            return $"{user.Name} keeps data in a volume without a name, at {unnamed.Destination}";
        var labels = user.Config.Labels;
        if (
            labels.GetValueOrDefault(Labels.Project)
            != target.Inspection.Config.Labels.GetValueOrDefault(Labels.Project)
        )
            return $"{user.Name}, which the agent leaves alone, is made from the same image";

        var service = labels.GetValueOrDefault(Labels.Service, "");
        if (supervisor.View.Service(service) is not { } owner)
            return $"{user.Name}, which the release does not have, is made from the same image";
        if (!owner.IsOneShot)
            return null;
        // One that is drilled as it runs all the time is started again as after any failure.
        if (user.State.Running && service == target.Service && !owner.IsMeantToEnd)
            return null;
        if (user.State.Running)
            return $"{user.Name} is made from the same image, and would begin its work anew";
        // Without its container nobody would know that it has run.
        var place = $"{service}/{labels.GetValueOrDefault(Labels.Replica)}";
        return completions.Of(place, labels.GetValueOrDefault(Labels.ConfigHash, "")) is null
            ? $"{user.Name} is made from the same image, and would run again"
            : null;
    }

    /// <param name="prove">Throws for what it does not find.</param>
    private async Task<string?> WhyNotLoadedAgainAsync(
        Target target,
        Func<ReleaseImage, Task> prove,
        CancellationToken ct
    )
    {
        try
        {
            if (await FindAsync(target, ct) is not { } image)
                return "its image is not of the installed release";
            await prove(image);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InjectionException)
        {
            return $"its image could not be loaded again: {e.Message}";
        }
    }

    private async Task<ReleaseImage?> FindAsync(Target target, CancellationToken ct)
    {
        if (journal.Current is not { } current)
            return null;
        try
        {
            var (_, release) = await releases.OpenAsync(current, ct);
            return release.Images.Values.FirstOrDefault(i => i.Config.Digest == target.Container.ImageId);
        }
        catch (Exception e) when (e is IOException or RefusedException or UnauthorizedAccessException)
        {
            throw new InjectionException($"the installed release cannot be read: {e.Message}", e);
        }
    }

    private async Task<IReadOnlyList<ContainerInspection>> UsersAsync(string image, CancellationToken ct)
    {
        var users = new List<ContainerInspection>();
        foreach (var c in await engine.Containers.ListAsync(new ContainerQuery { All = true }, ct))
        {
            if (c.ImageId != image)
                continue;
            try
            {
                users.Add(await engine.Containers.InspectAsync(c.Id, ct));
            }
            catch (EngineNotFoundException) { }
        }
        return users;
    }

    private async Task RemoveAsync(string container, CancellationToken ct)
    {
        try
        {
            await engine.Containers.RemoveAsync(container, force: true, removeAnonymousVolumes: false, ct);
        }
        catch (Exception e) when (e is EngineNotFoundException or EngineConflictException) { }
    }

    private async Task<bool> TryRemoveAsync(string image, CancellationToken ct)
    {
        try
        {
            await engine.Images.RemoveAsync(image, force: true, ct);
            return true;
        }
        catch (EngineNotFoundException)
        {
            return true;
        }
        catch (EngineConflictException)
        {
            return false;
        }
    }
}
