using System.Buffers.Binary;
using System.Text;

namespace Appliance.Tests.Disks;

/// <summary>A partition: where it lies, in bytes.</summary>
internal sealed record Partition(int Number, string Name, Guid Type, long Offset, long Size);

/// <summary>Reads the GUID partition table at the start of a disk (UEFI specification, chapter 5).</summary>
internal static class PartitionTable
{
    /// <summary>How much of the disk to read: more than any table of 128 entries takes.</summary>
    public const int Length = 1 << 20;

    private const int Sector = 512;

    public static IReadOnlyList<Partition> Parse(ReadOnlySpan<byte> disk)
    {
        var header = disk[Sector..(2 * Sector)];
        if (!header[..8].SequenceEqual("EFI PART"u8))
            throw new InvalidDataException("the disk has no GUID partition table");
        var first = BinaryPrimitives.ReadInt64LittleEndian(header[72..]);
        var count = BinaryPrimitives.ReadInt32LittleEndian(header[80..]);
        var size = BinaryPrimitives.ReadInt32LittleEndian(header[84..]);
        if (
            first < 2
            || count is < 0 or > 1024
            || size is < 128 or > 4096
            || (first * Sector) + ((long)count * size) > disk.Length
        )
            throw new InvalidDataException($"a partition table of {count} entries of {size} bytes at sector {first}");

        var partitions = new List<Partition>();
        for (var i = 0; i < count; i++)
        {
            var entry = disk.Slice((int)(first * Sector) + (i * size), size);
            var type = new Guid(entry[..16]);
            if (type == Guid.Empty)
                continue;
            var start = BinaryPrimitives.ReadInt64LittleEndian(entry[32..]);
            var end = BinaryPrimitives.ReadInt64LittleEndian(entry[40..]);
            if (start < 0 || end < start || end > long.MaxValue / Sector / 2)
                throw new InvalidDataException($"partition {i + 1} is from sector {start} to {end}");
            var name = Encoding.Unicode.GetString(entry[56..128]).TrimEnd('\0');
            partitions.Add(new(i + 1, name, type, start * Sector, (end - start + 1) * Sector));
        }
        return partitions;
    }
}
