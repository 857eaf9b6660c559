using System.Buffers.Binary;
using Appliance.Testing;

namespace Appliance.Tests.WriteLogs;

public sealed class WriteLogTests : IDisposable
{
    private const int Sector = 512;
    private const ulong Magic = 0x006a736677736872;

    private readonly ScratchFolder folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_done_is_read_in_its_order()
    {
        using var logged = LoggedDisk.Create(seed: 1);
        await logged.RunAsync(Ct, "write -P 7 4096 8192", "flush", "discard 65536 4096", "write -P 8 512 512", "flush");
        using var log = WriteLog.Open(logged.Log, LoggedDisk.Size);

        // Closing the disk flushes what a flush has not already.
        Assert.Equal(
            [
                (LogFlags.None, 4096, 8192),
                (LogFlags.Flush, 0, 0),
                (LogFlags.Discard, 65536, 4096),
                (LogFlags.None, 512, 512),
                (LogFlags.Flush, 0, 0),
            ],
            log.Entries().Take(5).Select(e => (e.Flags, (int)e.Offset, (int)e.Length))
        );
        var data = new byte[8192];
        log.ReadData(log.Entries().First(), 0, data);
        Assert.Equal(-1, data.AsSpan().IndexOfAnyExcept((byte)7));
        Assert.Equal(8704, log.Survey().Written);
    }

    [Fact]
    public void A_log_without_a_flush_yet_is_empty()
    {
        using var log = Open([]);
        Assert.Equal(new LogSurvey(0, 0, 0, 0), log.Survey());
    }

    [Fact]
    public void Entries_that_the_superblock_does_not_count_yet_are_read()
    {
        using var log = Open([
            .. Superblock(counted: 1),
            .. Entry(0, 1),
            .. new byte[Sector],
            .. Entry(0, 0, 1),
            .. Entry(2, 0, 4),
        ]);
        Assert.Equal(new LogSurvey(1, 3, 1, Sector), log.Survey());
    }

    [Fact]
    public void A_log_ends_where_an_entry_was_not_written_any_more()
    {
        using var log = Open([.. Superblock(counted: 3), .. Entry(0, 0, 1), .. new byte[Sector], .. Entry(0, 0, 1)]);
        Assert.Equal(1, log.Survey().Entries);
    }

    [Fact]
    public void A_log_ends_where_the_data_of_an_entry_is_cut_short()
    {
        using var log = Open([.. Superblock(counted: 1), .. Entry(0, 0, 1), .. Entry(0, 2), .. new byte[Sector + 100]]);
        Assert.Equal(1, log.Survey().Entries);
    }

    [Theory]
    [InlineData("not a write log", 0, 0x21)]
    [InlineData("version", 8, 2)]
    [InlineData("no room", 16, 200)]
    [InlineData("sectors of", 24, 3)]
    [InlineData("sectors of", 27, 0x40)]
    [InlineData("unknown flags", Sector + 16, 0x40)]
    [InlineData("of a disk that has", Sector + 7, 0xff)]
    [InlineData("of a disk that has", Sector + 8, 200)]
    [InlineData("of a disk that has", Sector + 15, 0xff)]
    [InlineData("bytes within the entry", Sector + 24, 1)]
    [InlineData("something follows it", Sector + 400, 1)]
    public void A_damaged_log_is_refused_with_the_reason(string reason, int position, byte value)
    {
        byte[] bytes = [.. Superblock(counted: 1), .. Entry(1, 1), .. new byte[Sector]];
        bytes[position] = value;
        var refused = Assert.Throws<DamagedLogException>(() =>
        {
            using var log = Open(bytes);
            log.Survey();
        });
        Assert.Contains(reason, refused.Message);
    }

    [Fact]
    public void Whatever_the_bytes_are_they_are_read_within_the_disk_or_refused()
    {
        for (var seed = 0; seed < 2000; seed++)
        {
            var random = new Random(seed);
            byte[] bytes =
            [
                .. Superblock(counted: 3),
                .. Entry(1, 2),
                .. new byte[2 * Sector],
                .. Entry(0, 0, 1),
                .. Entry(5, 9, 4),
            ];
            for (var change = random.Next(1, 6); change > 0; change--)
                bytes[
                    random.Next(3) == 0
                        ? random.Next(bytes.Length)
                        : (random.Next(bytes.Length / Sector) * Sector) + random.Next(32)
                ] = (byte)random.Next(256);
            bytes = bytes[..(random.Next(4) == 0 ? random.Next(bytes.Length) : bytes.Length)];
            try
            {
                using var log = Open(bytes);
                foreach (var entry in log.Entries())
                {
                    Assert.InRange(entry.Offset, 0, DiskSize - entry.Length);
                    if (entry is { Changes: true, IsDiscard: false })
                        log.ReadData(entry, 0, new byte[entry.Length]);
                }
            }
            catch (DamagedLogException)
            {
                // Refused, and not with an exception of another kind.
            }
        }
    }

    public void Dispose() => folder.Dispose();

    private const int DiskSize = 100 * Sector;

    private WriteLog Open(byte[] bytes)
    {
        File.WriteAllBytes(folder["log"], bytes);
        return WriteLog.Open(folder["log"], DiskSize);
    }

    private static byte[] Superblock(ulong counted)
    {
        var sector = new byte[Sector];
        BinaryPrimitives.WriteUInt64LittleEndian(sector, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(sector.AsSpan(8), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(sector.AsSpan(16), counted);
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(24), Sector);
        return sector;
    }

    private static byte[] Entry(ulong at, ulong sectors, ulong flags = 0)
    {
        var sector = new byte[Sector];
        BinaryPrimitives.WriteUInt64LittleEndian(sector, at);
        BinaryPrimitives.WriteUInt64LittleEndian(sector.AsSpan(8), sectors);
        BinaryPrimitives.WriteUInt64LittleEndian(sector.AsSpan(16), flags);
        return sector;
    }
}
