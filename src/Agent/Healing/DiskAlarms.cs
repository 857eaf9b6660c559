using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

/// <summary>A file system that the appliance fills, at the last look.</summary>
/// <param name="Name">Whose it is: <c>state</c>, <c>engine</c>, or <c>state and engine</c>.</param>
internal sealed record WatchedDisk(string Name, string Folder, DiskSpace Space, DiskLevel Level)
{
    /// <summary>Without its full stop.</summary>
    public string Sentence =>
        $"the disk of {Folder} is {Watermarks.PercentUsed(Space)} % used: {Space.FreeBytes} of {Space.TotalBytes} bytes are free";
}

/// <summary>
/// Tells of disks that are getting full, has space given back, and keeps the reserve: taken while there is room, given back
/// when there is next to none.
/// </summary>
/// <param name="collect">Gives back what nothing needs; returns at once.</param>
internal sealed class DiskAlarms(
    ReserveFile reserve,
    Database database,
    EventLog events,
    IOptionsMonitor<DiskOptions> options,
    Action collect,
    ILogger<DiskAlarms> log
)
{
    private const long Mebibyte = 1024 * 1024;

    private IReadOnlyList<WatchedDisk> disks = [];
    private int reservesTold;

    /// <summary>As at the last look.</summary>
    public IReadOnlyList<WatchedDisk> Disks => Volatile.Read(ref disks);

    public long ReservedBytes => reserve.Bytes;

    /// <param name="engine">Null: it has not said yet where it keeps what.</param>
    public void Look(string state, string? engine)
    {
        var seen = Observe(state, engine).ToList();
        foreach (var disk in seen)
            Tell(disk, LevelBefore(disk.Folder));
        Volatile.Write(ref disks, seen);
        TellOfUsedReserve();
        if (seen.FirstOrDefault(d => d.Folder == state) is { } own)
            KeepReserve(own);
    }

    private IEnumerable<WatchedDisk> Observe(string state, string? engine)
    {
        var (own, its) = (DiskSpace.Of(state), engine is null ? null : DiskSpace.Of(engine));
        if (own is { } a && its is { } b && a.Device == b.Device)
        {
            yield return Watch("state and engine", state, a);
            yield break;
        }
        if (own is { } ofState)
            yield return Watch("state", state, ofState);
        if (its is { } ofEngine)
            yield return Watch("engine", engine!, ofEngine);
    }

    private WatchedDisk Watch(string name, string folder, DiskSpace space) =>
        new(name, folder, space, Watermarks.LevelOf(space, options.CurrentValue, LevelBefore(folder)));

    private DiskLevel LevelBefore(string folder) =>
        disks.FirstOrDefault(d => d.Folder == folder)?.Level ?? DiskLevel.Enough;

    private void Tell(WatchedDisk disk, DiskLevel before)
    {
        if (disk.Level == before)
            return;
        if (disk.Level is DiskLevel.Enough)
            Tell(EventSeverity.Info, "disk.recovered", disk.Sentence, "nothing more needs to be done");
        else if (disk.Level > before)
        {
            Tell(
                disk.Level is DiskLevel.High ? EventSeverity.Error : EventSeverity.Warning,
                disk.Level is DiskLevel.High ? "disk.high" : "disk.low",
                disk.Sentence,
                "gives back what no release needs"
            );
            collect();
        }
    }

    private void KeepReserve(WatchedDisk own)
    {
        var (wanted, taken) = (options.CurrentValue.Reserve * Mebibyte, reserve.Bytes);
        if (own.Level is DiskLevel.High)
        {
            if (reserve.GiveBack())
                TellOfReserve(own.Sentence, taken);
            return;
        }
        // The settings have another size now.
        if (taken != wanted && taken > 0)
            reserve.GiveBack();
        if (taken == wanted || wanted == 0 || !Watermarks.HasRoomFor(wanted, own.Space, options.CurrentValue))
            return;
        try
        {
            reserve.Make(wanted);
            Tell(EventSeverity.Info, "disk.reserve-made", own.Sentence, $"keeps {wanted} bytes of it in reserve");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.ReserveNotMade(wanted, e.Message);
        }
    }

    // Whoever could not write down something more took it at once.
    private void TellOfUsedReserve()
    {
        var used = database.ReservesUsed;
        if (used.Count == reservesTold)
            return;
        reservesTold = used.Count;
        TellOfReserve("the state could not be written, because its disk is full", used.Bytes);
    }

    private void TellOfReserve(string found, long bytes) =>
        Tell(
            EventSeverity.Warning,
            "disk.reserve-given-back",
            found,
            $"gave back the {bytes} bytes that were kept for that, so that the state can be written"
        );

    private void Tell(EventSeverity severity, string kind, string found, string done) =>
        events.Append(new(severity, kind, null, null, found, done));
}
