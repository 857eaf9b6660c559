using Appliance.Tests.Disks;

namespace Appliance.Tests.WriteLogs;

/// <summary>
/// Rebuilds a disk as the power could have left it, at one point of its write log after the other.
/// </summary>
/// <remarks>
/// <para>One raw file is moved forward through the log and never back; each point is a thin layer over it, so that a point
/// costs what was written since the one before, and not a disk. As the layer lies on that file, a point is given back
/// before the next is taken. For two machines at a time, use two replays.</para>
/// <para>A discarded range reads as zeroes, as QEMU's raw files have it; a torn point may have lost the discard.</para>
/// <para>The requests between two flushes are kept in memory, without their data.</para>
/// </remarks>
internal sealed class Replay : IDisposable
{
    private const int Buffer = 1 << 20;

    private readonly WriteLog log;
    private readonly IEnumerator<LogEntry> entries;
    private readonly SparseFile disk;
    private readonly string folder;
    private readonly byte[] buffer = new byte[Buffer];
    private List<LogEntry> afterFlush = [];
    private bool ended;
    private DiskPoint? given;

    private Replay(WriteLog log, string folder)
    {
        this.log = log;
        this.folder = folder;
        disk = new(BasePath(folder));
        entries = log.Entries().GetEnumerator();
        ReadOn();
    }

    /// <summary>How many flushes the disk has seen.</summary>
    public int Flush { get; private set; }

    /// <summary>Starts at the beginning of a log.</summary>
    /// <param name="start">What the disk held, exactly, when the log was begun; it is only read.</param>
    /// <param name="logPath">The log.</param>
    /// <param name="folder">Holds the disk as it is rebuilt; nobody else's.</param>
    /// <param name="ct">Cancels it.</param>
    public static async Task<Replay> StartAsync(DiskImage start, string logPath, string folder, CancellationToken ct)
    {
        Directory.CreateDirectory(folder);
        await start.ConvertAsync(BasePath(folder), "raw", ct);
        var opened = WriteLog.Open(logPath, new FileInfo(BasePath(folder)).Length);
        try
        {
            return new(opened, folder);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The disk as of a flush: all that was written before it, and nothing of what came later.</summary>
    /// <param name="flush">How many flushes it has seen; not fewer than before. 0: the disk as it started.</param>
    /// <param name="ct">Cancels it.</param>
    public async Task<DiskPoint> AsOfFlushAsync(int flush, CancellationToken ct)
    {
        GoTo(flush, ct);
        return await GiveAsync(new(this, $"as of flush {flush}", undo: null), ct);
    }

    /// <summary>
    /// The disk as of a flush, and of some of the requests between it and the next: those up to a moment, without some that
    /// a disk with a cache had not got to yet, and the last of them torn at a sector. What was asked to be durable by
    /// itself is never left out.
    /// </summary>
    /// <param name="flush">How many flushes it has seen; not fewer than before.</param>
    /// <param name="seed">Decides which; the same seed gives the same disk.</param>
    /// <param name="ct">Cancels it.</param>
    public async Task<DiskPoint> TornAsync(int flush, int seed, CancellationToken ct)
    {
        GoTo(flush, ct);
        var (chosen, torn) = Choose(afterFlush, seed, log.SectorSize);
        var undo = new Undo(Path.Combine(folder, "undo"), disk);
        var point = new DiskPoint(
            this,
            $"as of flush {flush}, seed {seed}: {chosen.Count} of {afterFlush.Count} requests after it"
                + (torn is { } t ? $", the last torn after {t} bytes" : ""),
            undo
        );
        for (var i = 0; i < chosen.Count; i++)
        {
            ct.ThrowIfCancellationRequested();
            var entry = i == chosen.Count - 1 && torn is { } kept ? chosen[i] with { Length = kept } : chosen[i];
            undo.Keep(entry.Offset, entry.Length);
            Apply(entry);
        }
        return await GiveAsync(point, ct);
    }

    /// <summary>The disk after all that is in the log.</summary>
    public async Task<DiskPoint> AtEndAsync(CancellationToken ct)
    {
        while (!ended)
            Step(ct);
        var undo = new Undo(Path.Combine(folder, "undo"), disk);
        foreach (var entry in afterFlush)
        {
            undo.Keep(entry.Offset, entry.Length);
            Apply(entry);
        }
        return await GiveAsync(new(this, "at the end of the log", undo), ct);
    }

    public void Dispose()
    {
        entries.Dispose();
        log.Dispose();
        disk.Dispose();
    }

    /// <summary>Which requests reached the disk; of the last, how many bytes if not all.</summary>
    internal static (List<LogEntry> Chosen, long? Torn) Choose(List<LogEntry> after, int seed, int sector)
    {
        var random = new Random(seed);
        var moment = random.Next(after.Count + 1);
        // Now and then a disk that writes in order, and one that has hardly begun.
        var reached = random.Next(3) == 0 ? 1 : random.NextDouble();
        var chosen = after
            .Take(moment)
            .Where(entry => random.NextDouble() < reached || entry.Flags.HasFlag(LogFlags.ForceUnitAccess))
            .ToList();
        if (chosen.Count == 0 || chosen[^1].Flags.HasFlag(LogFlags.ForceUnitAccess) || chosen[^1].Length <= sector)
            return (chosen, null);
        var sectors = chosen[^1].Length / sector;
        return (chosen, random.NextInt64(1, sectors) * sector);
    }

    internal void TakeBack(DiskPoint point)
    {
        if (ReferenceEquals(given, point))
            given = null;
    }

    private static string BasePath(string folder) => Path.Combine(folder, "base.raw");

    private async Task<DiskPoint> GiveAsync(DiskPoint point, CancellationToken ct)
    {
        given = point;
        try
        {
            var layer = Path.Combine(folder, "point.qcow2");
            File.Delete(layer);
            point.Disk = await DiskImage.Raw(BasePath(folder)).OverlayAsync(layer, ct);
            return point;
        }
        catch
        {
            point.Dispose();
            throw;
        }
    }

    private void GoTo(int flush, CancellationToken ct)
    {
        if (given is not null)
            throw new InvalidOperationException($"the point before ({given}) is still in use");
        if (flush < Flush)
            throw new ArgumentOutOfRangeException(nameof(flush), $"flush {flush} is past: the disk has seen {Flush}");
        while (Flush < flush)
        {
            if (ended)
                throw new ArgumentOutOfRangeException(nameof(flush), $"the log has {Flush} flushes, and not {flush}");
            Step(ct);
        }
    }

    private void Step(CancellationToken ct)
    {
        foreach (var entry in afterFlush)
        {
            ct.ThrowIfCancellationRequested();
            Apply(entry);
        }
        Flush++;
        ReadOn();
    }

    // Collects what lies between this flush and the next.
    private void ReadOn()
    {
        // A flush that writes too, as the kernel's log may have it: its data comes after it.
        afterFlush = entries.Current is { IsFlush: true, Changes: true } first && Flush > 0 ? [first] : [];
        while (entries.MoveNext())
        {
            if (entries.Current.IsFlush)
                return;
            if (entries.Current.Changes)
                afterFlush.Add(entries.Current);
        }
        ended = true;
    }

    private void Apply(LogEntry entry)
    {
        if (entry.IsDiscard)
        {
            disk.Punch(entry.Offset, entry.Length);
            return;
        }
        for (var done = 0L; done < entry.Length; )
        {
            var part = buffer.AsSpan(0, (int)Math.Min(Buffer, entry.Length - done));
            log.ReadData(entry, done, part);
            disk.Write(part, entry.Offset + done);
            done += part.Length;
        }
    }
}

/// <summary>A disk as the power could have left it. Boot from it; give it back by disposing.</summary>
internal sealed class DiskPoint : IDisposable
{
    private readonly Replay replay;
    private readonly string description;
    private Undo? undo;

    internal DiskPoint(Replay replay, string description, Undo? undo)
    {
        this.replay = replay;
        this.description = description;
        this.undo = undo;
    }

    /// <summary>The disk; what is written to it goes with the point.</summary>
    public DiskImage Disk { get; internal set; } = DiskImage.Raw("");

    /// <summary>Which point it is, for the message of a test that fails.</summary>
    public override string ToString() => description;

    public void Dispose()
    {
        undo?.Dispose();
        undo = null;
        File.Delete(Disk.Path);
        replay.TakeBack(this);
    }
}
