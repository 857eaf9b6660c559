using System.Buffers.Binary;
using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Tests.WriteLogs;

/// <summary>What is in a log.</summary>
/// <param name="Counted">How many entries its superblock counts.</param>
/// <param name="Entries">How many are there, whole.</param>
/// <param name="Flushes">How many of them are flushes.</param>
/// <param name="Written">How many bytes they write.</param>
internal sealed record LogSurvey(long Counted, long Entries, int Flushes, long Written);

/// <summary>
/// Reads what QEMU's <c>blklogwrites</c> recorded, which is the format of the kernel's dm-log-writes: a superblock of one
/// sector (magic, version, number of entries, sector size), then for each request, in the order in which they ended, one
/// sector that says what it was (sector, number of sectors, flags, length of a mark), and its data.
/// </summary>
/// <remarks>
/// <para>QEMU counts entries in the superblock at a flush, and each 4096 requests. A QEMU that was killed left more entries
/// than that, or fewer: the place of an entry is taken before it is written. So entries are read as long as there are any,
/// and a sector of zeroes, or data that the file ends in, is where the log was cut short; anything else that is no entry is
/// damage.</para>
/// <para>The log may be read while it is written: then what is there so far is seen.</para>
/// <para>A write that ended while a flush was under way stands before that flush, though the flush need not have covered
/// it: the states that this log shows are all possible, but a few that are possible are not shown.</para>
/// </remarks>
internal sealed class WriteLog : IDisposable
{
    private const ulong Magic = 0x006a736677736872;
    private const ulong Version = 1;
    private const int SmallestSector = 512;
    private const int LargestSector = 1 << 23;
    private const LogFlags Known = LogFlags.Flush | LogFlags.ForceUnitAccess | LogFlags.Discard | LogFlags.Mark;

    private readonly SafeFileHandle file;
    private readonly long diskSize;

    private WriteLog(SafeFileHandle file, long diskSize)
    {
        this.file = file;
        this.diskSize = diskSize;
    }

    /// <summary>The unit of the log, in bytes; 0 as long as QEMU has not written the superblock.</summary>
    public int SectorSize { get; private set; }

    private long Counted { get; set; }

    /// <summary>Opens a log.</summary>
    /// <param name="path">The log's file.</param>
    /// <param name="diskSize">The size of the disk whose log it is, in bytes: nothing in it may lie beyond.</param>
    /// <exception cref="DamagedLogException">It is not a log.</exception>
    public static WriteLog Open(string path, long diskSize)
    {
        var log = new WriteLog(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite), diskSize);
        try
        {
            log.ReadSuperblock();
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>Its entries, read as they are asked for.</summary>
    /// <exception cref="DamagedLogException">An entry is none that QEMU writes.</exception>
    public IEnumerable<LogEntry> Entries()
    {
        if (SectorSize == 0)
            yield break;
        var header = new byte[SectorSize];
        var position = (long)SectorSize;
        for (var number = 0L; ; number++)
        {
            if (Read(header, position) < header.Length || IsEmpty(header))
                yield break;
            var entry = Parse(header, number, position + SectorSize);
            var end = entry.Data + (entry.IsDiscard || entry.Flags.HasFlag(LogFlags.Mark) ? 0 : entry.Length);
            if (end > RandomAccess.GetLength(file))
                yield break;
            yield return entry;
            position = end;
        }
    }

    /// <summary>Counts what is in it.</summary>
    /// <inheritdoc cref="Entries"/>
    public LogSurvey Survey()
    {
        var (entries, flushes, written) = (0L, 0, 0L);
        foreach (var entry in Entries())
        {
            entries++;
            flushes += entry.IsFlush ? 1 : 0;
            written += entry is { Changes: true, IsDiscard: false } ? entry.Length : 0;
        }
        return new(Counted, entries, flushes, written);
    }

    /// <summary>Reads a part of an entry's data.</summary>
    /// <param name="entry">One of this log that writes.</param>
    /// <param name="from">How far into its data.</param>
    /// <param name="buffer">Filled.</param>
    public void ReadData(LogEntry entry, long from, Span<byte> buffer)
    {
        if (Read(buffer, entry.Data + from) < buffer.Length)
            throw new DamagedLogException($"entry {entry.Number}: the log became shorter");
    }

    public void Dispose() => file.Dispose();

    private void ReadSuperblock()
    {
        Span<byte> superblock = stackalloc byte[28];
        var read = Read(superblock, 0);
        // QEMU writes it at the first flush, and the file is empty, or a hole there, until then.
        if (superblock[..read].IndexOfAnyExcept((byte)0) < 0)
            return;
        if (read < superblock.Length)
            throw new DamagedLogException($"a log of {read} bytes has no superblock");
        var magic = BinaryPrimitives.ReadUInt64LittleEndian(superblock);
        if (magic != Magic)
            throw new DamagedLogException($"not a write log: it starts with 0x{magic:x16}");
        var version = BinaryPrimitives.ReadUInt64LittleEndian(superblock[8..]);
        if (version != Version)
            throw new DamagedLogException($"a write log of version {version}; known is {Version}");
        var counted = BinaryPrimitives.ReadUInt64LittleEndian(superblock[16..]);
        var size = BinaryPrimitives.ReadUInt32LittleEndian(superblock[24..]);
        if (size is < SmallestSector or > LargestSector || !BitOperations.IsPow2(size))
            throw new DamagedLogException($"a write log with sectors of {size} bytes");
        if (counted > (ulong)RandomAccess.GetLength(file) / size)
            throw new DamagedLogException($"a log that counts {counted} entries has no room for them");
        (SectorSize, Counted) = ((int)size, (long)counted);
    }

    private LogEntry Parse(ReadOnlySpan<byte> header, long number, long data)
    {
        var sector = BinaryPrimitives.ReadUInt64LittleEndian(header);
        var sectors = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        var flags = (LogFlags)BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
        var inline = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        if ((flags & ~Known) != LogFlags.None)
            throw new DamagedLogException($"entry {number}: unknown flags 0x{(ulong)flags:x}");
        var all = (ulong)diskSize / (ulong)SectorSize;
        if (sector > all || sectors > all - sector)
            throw new DamagedLogException(
                $"entry {number}: {sectors} sectors from {sector} on, of a disk that has {all}"
            );
        var isMark = flags.HasFlag(LogFlags.Mark);
        if (inline > (isMark ? (ulong)(SectorSize - 32) : 0))
            throw new DamagedLogException($"entry {number}: {inline} bytes within the entry");
        if (isMark && sectors > 0)
            throw new DamagedLogException($"entry {number}: a mark of {sectors} sectors");
        if (header[(32 + (int)inline)..].IndexOfAnyExcept((byte)0) >= 0)
            throw new DamagedLogException($"entry {number}: something follows it in its sector");
        return new(number, flags, (long)sector * SectorSize, (long)sectors * SectorSize, data);
    }

    // A write of nothing at the disk's start: QEMU never logs that.
    private static bool IsEmpty(ReadOnlySpan<byte> header) => header.IndexOfAnyExcept((byte)0) < 0;

    private int Read(Span<byte> buffer, long position)
    {
        var read = 0;
        while (read < buffer.Length && RandomAccess.Read(file, buffer[read..], position + read) is > 0 and var count)
            read += count;
        return read;
    }
}
