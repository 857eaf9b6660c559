namespace Appliance.Tests.WriteLogs;

public sealed class ReplayTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task The_whole_log_gives_the_disk(int seed)
    {
        using var logged = LoggedDisk.Create(seed);
        await logged.RunAsync(Ct, [.. Commands(seed, 60)]);

        using var replay = await Replay.StartAsync(logged.Start, logged.Log, logged.Folder + "/replay", Ct);
        using var end = await replay.AtEndAsync(Ct);

        Assert.Equal(logged.Content, await ContentAsync(end));
    }

    [Fact]
    public async Task Each_flush_gives_the_disk_as_it_was_then()
    {
        using var logged = LoggedDisk.Create(seed: 4);
        var then = new List<byte[]> { logged.Content };
        for (var part = 0; part < 5; part++)
        {
            string[] commands = [.. Commands(part, 8, flushes: false), "flush"];
            await (part == 0 ? logged.RunAsync(Ct, commands) : logged.RunMoreAsync(Ct, commands));
            then.Add(logged.Content);
        }

        using var replay = await Replay.StartAsync(logged.Start, logged.Log, logged.Folder + "/replay", Ct);
        for (var flush = 0; flush < then.Count; flush++)
        {
            using var point = await replay.AsOfFlushAsync(flush, Ct);
            var content = await ContentAsync(point);
            Assert.True(then[flush].AsSpan().SequenceEqual(content), $"{point} differs");
        }
    }

    [Fact]
    public async Task A_torn_point_holds_at_each_sector_what_was_there_or_what_was_to_come()
    {
        using var logged = LoggedDisk.Create(seed: 5);
        await logged.RunAsync(Ct, [.. Commands(5, 10, flushes: false), "flush", .. Commands(6, 10, false), "flush"]);
        using var replay = await Replay.StartAsync(logged.Start, logged.Log, logged.Folder + "/replay", Ct);
        byte[] before;
        using (var point = await replay.AsOfFlushAsync(1, Ct))
            before = await ContentAsync(point);

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var seed = 0; seed < 30; seed++)
        {
            byte[] torn;
            using (var point = await replay.TornAsync(1, seed, Ct))
                torn = await ContentAsync(point);
            using (var again = await replay.TornAsync(1, seed, Ct))
                Assert.Equal(torn, await ContentAsync(again));
            seen.Add(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(torn)));
            AssertFromHistory(logged, before, torn);
        }
        Assert.True(seen.Count > 15, $"30 seeds gave {seen.Count} different disks");

        // The torn points are undone: neither this flush nor the next shows anything of them.
        using (var point = await replay.AsOfFlushAsync(1, Ct))
            Assert.Equal(before, await ContentAsync(point));
        using (var point = await replay.AsOfFlushAsync(2, Ct))
            Assert.Equal(logged.Content, await ContentAsync(point));
    }

    [Fact]
    public async Task What_a_machine_writes_to_a_point_goes_with_it()
    {
        using var logged = LoggedDisk.Create(seed: 7);
        await logged.RunAsync(Ct, "write -P 1 0 4k", "flush", "write -P 2 0 4k", "flush");
        using var replay = await Replay.StartAsync(logged.Start, logged.Log, logged.Folder + "/replay", Ct);
        using (var point = await replay.AsOfFlushAsync(1, Ct))
            await Tool.RunAsync("qemu-io", ["-f", "qcow2", "-c", "write -P 9 0 1M", point.Disk.Path], Ct);

        using var next = await replay.AsOfFlushAsync(2, Ct);
        Assert.Equal(logged.Content, await ContentAsync(next));
    }

    [Fact]
    public async Task A_point_in_use_is_not_pulled_away()
    {
        using var logged = LoggedDisk.Create(seed: 8);
        await logged.RunAsync(Ct, "write 0 4k", "flush");
        using var replay = await Replay.StartAsync(logged.Start, logged.Log, logged.Folder + "/replay", Ct);
        using var point = await replay.AsOfFlushAsync(0, Ct);

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => replay.AsOfFlushAsync(1, Ct));
        Assert.Contains("as of flush 0", refused.Message);
    }

    [Fact]
    public async Task A_flush_that_is_not_in_the_log_is_refused()
    {
        using var logged = LoggedDisk.Create(seed: 9);
        await logged.RunAsync(Ct, "write 0 4k", "flush");
        using var replay = await Replay.StartAsync(logged.Start, logged.Log, logged.Folder + "/replay", Ct);
        var last = replay.Flush;
        using (var log = WriteLog.Open(logged.Log, LoggedDisk.Size))
            last = log.Survey().Flushes;

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => replay.AsOfFlushAsync(last + 1, Ct));
    }

    [Fact]
    public void A_write_that_was_to_be_durable_by_itself_is_kept_by_all_later_moments()
    {
        var after = Enumerable
            .Range(0, 40)
            .Select(i => new LogEntry(i, i == 3 ? LogFlags.ForceUnitAccess : LogFlags.None, i * 8192, 8192, 0))
            .ToList();
        for (var seed = 0; seed < 500; seed++)
        {
            var (chosen, torn) = Replay.Choose(after, seed, 512);
            if (chosen.Exists(entry => entry.Number > 3))
                Assert.Contains(after[3], chosen);
            Assert.True(torn is null || (torn > 0 && torn < 8192 && torn % 512 == 0));
        }
    }

    // Each sector is as it was, or as some write of the log has it, or zero where something was discarded.
    private static void AssertFromHistory(LoggedDisk logged, byte[] before, byte[] now)
    {
        using var log = WriteLog.Open(logged.Log, LoggedDisk.Size);
        var entries = log.Entries().ToList();
        var sector = new byte[512];
        for (var at = 0; at < now.Length; at += 512)
        {
            var here = now.AsSpan(at, 512);
            if (here.SequenceEqual(before.AsSpan(at, 512)))
                continue;
            var found = false;
            foreach (var entry in entries.Where(e => e.Changes && e.Offset <= at && at < e.Offset + e.Length))
            {
                if (entry.IsDiscard)
                    sector.AsSpan().Clear();
                else
                    log.ReadData(entry, at - entry.Offset, sector);
                found |= here.SequenceEqual(sector);
            }
            Assert.True(found, $"nobody ever wrote what is at {at}");
        }
    }

    private static IEnumerable<string> Commands(int seed, int count, bool flushes = true)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var length = random.Next(1, 64);
            var offset = random.Next((LoggedDisk.Size / 4096) - length) * 4096L;
            yield return random.Next(flushes ? 8 : 6) switch
            {
                0 => $"discard {offset} {length * 4096}",
                1 => $"write -z {offset} {length * 4096}",
                // A sector's worth too, and not only pages.
                2 => $"write -P {random.Next(1, 256)} {offset + 512} 512",
                > 5 => "flush",
                _ => $"write -P {random.Next(1, 256)} {offset} {length * 4096}",
            };
        }
    }

    private static async Task<byte[]> ContentAsync(DiskPoint point)
    {
        var copy = point.Disk.Path + ".raw";
        await point.Disk.ConvertAsync(copy, "raw", Ct);
        var content = await File.ReadAllBytesAsync(copy, Ct);
        File.Delete(copy);
        return content;
    }
}
