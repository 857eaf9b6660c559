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
    KnownReleases releases,
    UpdateJournal journal
) : Disaster
{
    // Supervision makes another container at once, which keeps the image from going.
    private const int Tries = 10;

    public override string Name => "corrupt-image";

    public override string What => "takes the image of a service from the engine, with all containers made from it";

    public override async Task<string?> WhyNotAsync(Target target, CancellationToken ct)
    {
        foreach (var user in await UsersAsync(target.Container.ImageId, ct))
        {
            // As supervision has it: another container would not have what is in there.
            if (user.Mounts.FirstOrDefault(m => m is { Type: MountType.Volume, Name: { Length: 64 } }) is { } unnamed)
                return $"{user.Name} keeps data in a volume without a name, at {unnamed.Destination}";
            if (user.Config.Labels.GetValueOrDefault(Labels.Project) != ProjectOf(target))
                return $"{user.Name}, which the agent leaves alone, is made from the same image";
        }
        try
        {
            if (await FindAsync(target, ct) is not { } image)
                return "its image is not of the installed release";
            await images.ProveStoredAsync(image, ct);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InjectionException)
        {
            return $"its image could not be loaded again: {e.Message}";
        }
    }

    public override Expectation Expect(Target target, bool isShort) =>
        new(Course.Healed, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(60) + target.Timings.Start);

    public override async Task<Injection> PlanAsync(Target target, CancellationToken ct)
    {
        var image = (await FindAsync(target, ct))?.Reference ?? target.Container.ImageId;
        return new Injection(image, $"takes {image} from the engine, with the containers made from it", null);
    }

    public override async Task InjectAsync(Target target, Injection injection, CancellationToken ct)
    {
        for (var left = Tries; left > 0; left--)
        {
            var users = await UsersAsync(target.Container.ImageId, ct);
            await Task.WhenAll(users.Select(u => RemoveAsync(u.Id, ct)));
            if (await TryRemoveAsync(target.Container.ImageId, ct))
                return;
        }
        throw new InjectionException($"{injection.Hits} was in use again and again");
    }

    public override bool IsToldBy(StoredEvent e, Target target) =>
        base.IsToldBy(e, target) || e.Kind.StartsWith("image.", StringComparison.Ordinal);

    private static string? ProjectOf(Target target) =>
        target.Inspection.Config.Labels.GetValueOrDefault(Labels.Project);

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
