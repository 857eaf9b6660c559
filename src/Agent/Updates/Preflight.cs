using Appliance.Agent.Content;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>What an update needs of the engine, in exact bytes.</summary>
/// <param name="ToUnpack">For layers that the engine does not hold.</param>
/// <param name="Free">On the engine's file system; null when it cannot be told from here.</param>
internal sealed record Space(long ToUnpack, long? Free);

/// <summary>Asks, before anything is touched, whether an update can end well.</summary>
internal sealed class Preflight(DockerEngine engine, ImageLoader images)
{
    /// <summary>
    /// The engine spools what it is sent before it unpacks it, and needs room to go on working: twice the layers, and
    /// this much.
    /// </summary>
    private const long Reserve = 64L * 1024 * 1024;

    /// <param name="toCopy">Bytes of volumes that are to be kept, on the same file system.</param>
    /// <exception cref="RefusedException">It cannot; the message says what is missing.</exception>
    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    /// <exception cref="DockerEngineException">It refuses to say.</exception>
    public async Task CheckAsync(ReleaseContent release, long toCopy, CancellationToken ct)
    {
        var space = await SpaceAsync(release, ct);
        var needed = space.ToUnpack + toCopy == 0 ? 0 : 2 * space.ToUnpack + toCopy + Reserve;
        var copy = toCopy == 0 ? "" : $", {toCopy} to keep a copy of the data that it changes";
        if (space.Free is { } free && free < needed)
            throw new RefusedException(
                $"the engine's file system has {free} bytes free, and {needed} are needed: twice the {space.ToUnpack}"
                    + $" bytes of new layers{copy}, and a reserve; free some, or give the appliance a larger disk"
            );
    }

    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    /// <exception cref="DockerEngineException">It refuses to say.</exception>
    public async Task<Space> SpaceAsync(ReleaseContent release, CancellationToken ct)
    {
        var plan = await images.PlanAsync(release.Images, ct);
        var root = (await engine.System.InfoAsync(ct)).DockerRootDir;
        return new Space(plan.BytesToUnpack, FreeOn(root));
    }

    // An engine on another machine has a folder that is not here.
    private static long? FreeOn(string folder)
    {
        try
        {
            return Directory.Exists(folder) ? new DriveInfo(folder).AvailableFreeSpace : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
