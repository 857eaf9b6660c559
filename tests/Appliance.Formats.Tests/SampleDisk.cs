using System.Buffers.Binary;
using System.Text;

namespace Appliance.Formats.Tests;

/// <summary>A small raw disk: GPT with an EFI system partition, and content that compresses well, badly, and not at all.</summary>
internal static class SampleDisk
{
    private const int Sector = 512;
    private const int MiB = 1024 * 1024;
    private static readonly Guid EfiSystem = new("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    private static readonly Guid LinuxData = new("0fc63daf-8483-4772-8e79-3d69d8477de4");

    /// <summary>Writes it, sparse; <paramref name="noise"/> is how much of it no compression makes smaller.</summary>
    public static void Write(string path, int mebibytes = 64, int noise = 5)
    {
        using var disk = new FileStream(path, FileMode.CreateNew);
        disk.SetLength((long)mebibytes * MiB);
        WritePartitionTables(disk);

        var random = new Random(1);
        var bytes = new byte[MiB];
        for (var i = 0; i < noise; i++)
        {
            random.NextBytes(bytes);
            Put(disk, (20 + i) * MiB, bytes);
        }
        Put(disk, 2 * MiB, Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("The appliance. ", 50_000))));
        // A lone sector far from everything else.
        Put(disk, (long)(mebibytes - 3) * MiB + 3 * Sector, "far away"u8);
    }

    private static void WritePartitionTables(FileStream disk)
    {
        var sectors = disk.Length / Sector;
        var entries = new byte[128 * 128];
        PutEntry(entries, 0, EfiSystem, 2048, 18_431);
        PutEntry(entries, 1, LinuxData, 18_432, sectors - 2049);

        var protective = new byte[Sector];
        protective[450] = 0xee;
        BinaryPrimitives.WriteUInt32LittleEndian(protective.AsSpan(454), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(protective.AsSpan(458), (uint)(sectors - 1));
        BinaryPrimitives.WriteUInt16LittleEndian(protective.AsSpan(510), 0xaa55);

        Put(disk, 0, protective);
        Put(disk, Sector, Header(entries, here: 1, other: sectors - 1, table: 2, sectors));
        Put(disk, 2 * Sector, entries);
        Put(disk, (sectors - 33) * Sector, entries);
        Put(disk, (sectors - 1) * Sector, Header(entries, here: sectors - 1, other: 1, table: sectors - 33, sectors));
    }

    private static void PutEntry(byte[] entries, int index, Guid type, long first, long last)
    {
        var entry = entries.AsSpan(index * 128, 128);
        type.TryWriteBytes(entry);
        new Guid(index + 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).TryWriteBytes(entry[16..]);
        BinaryPrimitives.WriteInt64LittleEndian(entry[32..], first);
        BinaryPrimitives.WriteInt64LittleEndian(entry[40..], last);
    }

    private static byte[] Header(byte[] entries, long here, long other, long table, long sectors)
    {
        var header = new byte[Sector];
        "EFI PART"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), 0x10000);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), 92);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), here);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), other);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), 34);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), sectors - 34);
        new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).TryWriteBytes(header.AsSpan(56));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(72), table);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(80), 128);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(84), 128);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(88), Crc32(entries));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), Crc32(header.AsSpan(0, 92)));
        return header;
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0xedb88320);
        }
        return ~crc;
    }

    private static void Put(FileStream disk, long offset, ReadOnlySpan<byte> bytes)
    {
        disk.Position = offset;
        disk.Write(bytes);
    }
}
