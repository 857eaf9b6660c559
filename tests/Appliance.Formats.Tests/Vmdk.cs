using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Appliance.Formats.Tests;

/// <summary>
/// A streamOptimized VMDK, read the way a stream is: once, forwards, by its markers ("Virtual Disk Format 5.0").
/// </summary>
internal sealed class Vmdk
{
    private const int Sector = 512;

    // At most this much of the disk's start and end is kept: enough for its partition tables.
    private const int Kept = 64 * 1024;

    public uint Magic { get; private init; }
    public uint Version { get; private init; }
    public uint Flags { get; private init; }
    public long Capacity { get; private init; }
    public long GrainSize { get; private init; }
    public uint EntriesPerTable { get; private init; }
    public long RedundantDirectory { get; private init; }
    public long Directory { get; private init; }
    public long Overhead { get; private init; }
    public byte Unclean { get; private init; }
    public string LineEnds { get; private init; } = "";
    public int Compression { get; private init; }
    public string Descriptor { get; private init; } = "";

    /// <summary>Where the table says that each grain is, in sectors; 0 is none. Both tables.</summary>
    public IReadOnlyList<uint> Table { get; private set; } = [];
    public IReadOnlyList<uint> RedundantTable { get; private set; } = [];

    /// <summary>The grains in the order of the stream: which, and at which sector.</summary>
    public IReadOnlyList<(long Grain, long At)> Grains { get; private set; } = [];

    /// <summary>Of a grain that is not what its marker says.</summary>
    public IReadOnlyList<string> Damage { get; private set; } = [];

    /// <summary>Where the end-of-stream marker is, in bytes; null if there is none.</summary>
    public long? End { get; private set; }

    /// <summary>What follows it.</summary>
    public byte[] AfterEnd { get; private set; } = [];

    /// <summary>The disk's first and last bytes.</summary>
    public byte[] Head { get; } = new byte[Kept];
    public byte[] Tail { get; } = new byte[Kept];

    public static Vmdk Read(Stream stream)
    {
        var header = new byte[Sector];
        stream.ReadExactly(header);
        long At(int offset) => BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(offset));
        uint Word(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(offset));

        var descriptor = new byte[Math.Clamp(At(36), 0, 64) * Sector];
        stream.Position = At(28) * Sector;
        stream.ReadExactly(descriptor);
        var vmdk = new Vmdk
        {
            Magic = Word(0),
            Version = Word(4),
            Flags = Word(8),
            Capacity = At(12),
            GrainSize = At(20),
            EntriesPerTable = Word(44),
            RedundantDirectory = At(48),
            Directory = At(56),
            Overhead = At(64),
            Unclean = header[72],
            LineEnds = Encoding.Latin1.GetString(header, 73, 4),
            Compression = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(77)),
            Descriptor = Encoding.UTF8.GetString(descriptor).TrimEnd('\0'),
        };
        Assert.Equal(0x564d444bu, vmdk.Magic);
        Assert.InRange(vmdk.GrainSize, 1, 128);
        vmdk.Table = vmdk.ReadTable(stream, vmdk.Directory);
        vmdk.RedundantTable = (vmdk.Flags & 2) == 0 ? vmdk.Table : vmdk.ReadTable(stream, vmdk.RedundantDirectory);
        vmdk.ReadGrains(stream);
        return vmdk;
    }

    private List<uint> ReadTable(Stream stream, long directory)
    {
        var grains = (Capacity + GrainSize - 1) / GrainSize;
        var tables = (grains + EntriesPerTable - 1) / EntriesPerTable;
        var entries = new List<uint>();
        foreach (var table in ReadWords(stream, directory, (int)tables))
            entries.AddRange(ReadWords(stream, table, (int)EntriesPerTable));
        return entries[..(int)grains];
    }

    private static uint[] ReadWords(Stream stream, long sector, int count)
    {
        var bytes = new byte[count * 4];
        stream.Position = sector * Sector;
        stream.ReadExactly(bytes);
        return
        [
            .. Enumerable.Range(0, count).Select(i => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(i * 4))),
        ];
    }

    private void ReadGrains(Stream stream)
    {
        var grains = new List<(long, long)>();
        var damage = new List<string>();
        var sector = new byte[Sector];
        stream.Position = Overhead * Sector;
        while (stream.ReadAtLeast(sector, Sector, throwOnEndOfStream: false) == Sector)
        {
            var at = stream.Position / Sector - 1;
            var value = BinaryPrimitives.ReadInt64LittleEndian(sector);
            var size = BinaryPrimitives.ReadInt32LittleEndian(sector.AsSpan(8));
            if (size == 0)
            {
                // Markers other than of grains: 0 ends the stream; tables and footers are followed by their sectors.
                if (BinaryPrimitives.ReadInt32LittleEndian(sector.AsSpan(12)) == 0)
                {
                    End = at * Sector;
                    AfterEnd = new byte[stream.Length - stream.Position];
                    stream.ReadExactly(AfterEnd);
                    break;
                }
                stream.Position += value * Sector;
                continue;
            }

            var compressed = new byte[size];
            stream.Position = at * Sector + 12;
            stream.ReadExactly(compressed);
            stream.Position = (stream.Position + Sector - 1) / Sector * Sector;
            grains.Add((value / GrainSize, at));
            if (Inflate(value, compressed) is { } reason)
                damage.Add($"the grain at sector {at}: {reason}");
        }
        Grains = grains;
        Damage = damage;
    }

    private string? Inflate(long sector, byte[] compressed)
    {
        if (sector % GrainSize != 0 || sector >= Capacity)
            return $"there is no grain {sector}";
        var expected = (int)Math.Min(GrainSize, Capacity - sector) * Sector;
        var bytes = new byte[GrainSize * Sector + 1];
        int length;
        try
        {
            using var inflated = new ZLibStream(new MemoryStream(compressed), CompressionMode.Decompress);
            length = inflated.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
        if (length != expected && length != GrainSize * Sector)
            return $"{length} bytes instead of {expected}";

        Keep(sector * Sector, bytes.AsSpan(0, expected), Head, 0);
        Keep(sector * Sector, bytes.AsSpan(0, expected), Tail, Capacity * Sector - Tail.Length);
        return null;
    }

    private static void Keep(long offset, ReadOnlySpan<byte> bytes, byte[] kept, long start)
    {
        var from = Math.Max(offset, start);
        var to = Math.Min(offset + bytes.Length, start + kept.Length);
        if (from < to)
            bytes[(int)(from - offset)..(int)(to - offset)].CopyTo(kept.AsSpan((int)(from - start)));
    }
}
