using System.Runtime.Versioning;
using System.Security.Cryptography;
using Appliance.Bundles.Deltas;
using Appliance.Bundles.Releases;
using Appliance.Testing;
using Bundles.Tests.Oci;
using Bundles.Tests.Packaging;

namespace Bundles.Tests.Deltas;

/// <summary>The real program, and others in its place that do what it must not.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class XdeltaTests : IDisposable
{
    private readonly ScratchFolder scratch = new();
    private readonly Xdelta xdelta = new(TimeProvider.System);
    private readonly MemorySink sink = new();
    private readonly byte[] old = RandomNumberGenerator.GetBytes(600_000);
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task A_file_is_made_of_another_and_of_little_more()
    {
        var next = Changed();
        await EncodeAsync(next);

        Assert.InRange(new FileInfo(scratch["delta"]).Length, 1, 4000);
        await DecodeAsync(BlobOf(next));
        Assert.Equal(next, sink.Completed[BlobOf(next).Digest]);
        // Nothing of where it was made.
        Assert.DoesNotContain("from", await File.ReadAllTextAsync(scratch["delta"], stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_files_give_the_same_delta()
    {
        await EncodeAsync(Changed());
        var first = await File.ReadAllBytesAsync(scratch["delta"], stop);
        File.Delete(scratch["delta"]);
        await EncodeAsync(Changed());
        Assert.Equal(first, await File.ReadAllBytesAsync(scratch["delta"], stop));
    }

    [Fact]
    public async Task What_comes_of_it_must_be_what_was_signed()
    {
        var next = Changed();
        await EncodeAsync(next);

        await RefuseAsync(BlobOf(old) with { Size = next.Length }, "was signed for");
        await RefuseAsync(BlobOf(next) with { Size = next.Length - 1 }, "it became more than");
        await RefuseAsync(BlobOf(next) with { Size = next.Length + 1 }, "it became too little");
        Assert.Empty(sink.Completed);
    }

    [Fact]
    public async Task What_is_no_delta_or_for_another_file_is_refused_with_what_the_program_says()
    {
        var next = Changed();
        await EncodeAsync(next);
        var delta = await File.ReadAllBytesAsync(scratch["delta"], stop);

        await File.WriteAllBytesAsync(scratch["from"], [.. old.Reverse()], stop);
        await RefuseAsync(BlobOf(next), "xdelta3 ended with 1: xdelta3: target window checksum mismatch");
        await File.WriteAllBytesAsync(scratch["from"], old, stop);
        await File.WriteAllBytesAsync(scratch["delta"], [1, 2, 3, 4, 5, 6, 7, 8], stop);
        await RefuseAsync(BlobOf(next), "xdelta3 ended with 1");
        await File.WriteAllBytesAsync(scratch["delta"], delta[..^20], stop);
        await RefuseAsync(BlobOf(next), "it became too little");
    }

    /// <summary>One delta, damaged in many ways: it never becomes another file, and never lasts.</summary>
    [Fact]
    public async Task A_damaged_delta_becomes_nothing_else()
    {
        var next = Changed();
        await EncodeAsync(next);
        var delta = await File.ReadAllBytesAsync(scratch["delta"], stop);
        var random = new Random(1);
        for (var round = 0; round < 10; round++)
        {
            var damaged = delta.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            await File.WriteAllBytesAsync(scratch["delta"], damaged, stop);
            try
            {
                await DecodeAsync(BlobOf(next));
                Assert.Equal(next, sink.Completed[BlobOf(next).Digest]);
                sink.Completed.Clear();
            }
            catch (InvalidDataException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    [Fact]
    public async Task What_writes_without_end_is_stopped_at_what_was_signed_for()
    {
        // Under a name that tells it from others.
        var fake = Fake($"exec cat /dev/zero {scratch["marked"]}");
        var result = BlobOf(new byte[5_000_000]);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() =>
            fake.DecodeAsync(scratch["from"], scratch["delta"], result, new Nowhere(), stop)
        );

        Assert.Contains("it became more than the 5000000 bytes", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Running());
    }

    [Fact]
    public async Task What_does_not_end_in_its_time_is_stopped()
    {
        var clock = new ManualClock();
        var fake = Fake($"exec tail -f -n 0 {scratch["marked"]}", clock);
        var decoding = fake.DecodeAsync(scratch["from"], scratch["delta"], BlobOf([1]), new Nowhere(), stop);
        await Eventually.TrueAsync("it runs", _ => Task.FromResult(Running().Count > 0), stop);

        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.NotEmpty(Running());
        clock.Advance(TimeSpan.FromSeconds(2));

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => decoding);
        Assert.Equal("xdelta3 has not ended within 60 s", refused.Message);
        Assert.Empty(Running());
    }

    [Fact]
    public async Task Who_gives_up_leaves_no_program_running()
    {
        var fake = Fake($"exec tail -f -n 0 {scratch["marked"]}");
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var decoding = fake.DecodeAsync(scratch["from"], scratch["delta"], BlobOf([1]), new Nowhere(), giveUp.Token);
        await Eventually.TrueAsync("it runs", _ => Task.FromResult(Running().Count > 0), stop);

        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => decoding);
        Assert.Empty(Running());
    }

    [Fact]
    public async Task What_applies_a_delta_may_write_no_file_dump_no_core_and_take_only_so_much_memory()
    {
        // It is confined right after its start: a little later, at the latest.
        var fake = Fake(
            """
            left=1000
            while [ "$(ulimit -v)" = unlimited ] && [ $left -gt 0 ]; do left=$((left - 1)); sleep 0.01; done
            echo "$(ulimit -f) $(ulimit -c) $(ulimit -v)"
            """
        );
        var expected = "0 0 262144\n"u8.ToArray();

        await using var writer = (await sink.OpenAsync(BlobOf(expected), stop))!;
        await fake.DecodeAsync(scratch["from"], scratch["delta"], BlobOf(expected), writer, stop);
    }

    [Fact]
    public void Only_a_program_in_a_folder_with_a_full_name_is_it()
    {
        var (first, second) = (Folder("first"), Folder("second"));
        File.WriteAllText(Path.Combine(first, "xdelta3"), "no program");
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, second);

        Assert.Contains("install the package", Missing($":{relative}:{first}"), StringComparison.Ordinal);
        Make(second, "exit 0");
        Assert.Contains("install the package", Missing($":{relative}:{first}"), StringComparison.Ordinal);
        new Xdelta(TimeProvider.System, $":{relative}:{first}:{second}").Demand();

        static string Missing(string searched) =>
            Assert.Throws<RefusedException>(() => new Xdelta(TimeProvider.System, searched).Demand()).Message;
    }

    [Fact]
    public async Task What_is_run_is_what_was_found_and_not_what_lies_in_the_current_folder()
    {
        var beside = Path.Combine(AppContext.BaseDirectory, "xdelta3");
        Make(AppContext.BaseDirectory, "echo another");
        try
        {
            var expected = "found\n"u8.ToArray();
            await using var writer = (await sink.OpenAsync(BlobOf(expected), stop))!;
            await Fake("echo found").DecodeAsync(scratch["from"], scratch["delta"], BlobOf(expected), writer, stop);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    [Fact]
    public async Task Why_it_cannot_be_started_is_said_where_it_is_there()
    {
        var folder = Folder("broken");
        await File.WriteAllTextAsync(Path.Combine(folder, "xdelta3"), "no program", stop);
        File.SetUnixFileMode(Path.Combine(folder, "xdelta3"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await File.WriteAllBytesAsync(scratch["from"], old, stop);

        var refused = await Assert.ThrowsAsync<RefusedException>(() =>
            new Xdelta(TimeProvider.System, folder).EncodeAsync(
                scratch["from"],
                scratch["from"],
                scratch["delta"],
                stop
            )
        );

        Assert.StartsWith($"{folder}/xdelta3 cannot be started: ", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>A program of that name which does something else.</summary>
    private Xdelta Fake(string does, TimeProvider? clock = null)
    {
        File.WriteAllBytes(scratch["from"], old);
        File.WriteAllBytes(scratch["delta"], []);
        File.WriteAllBytes(scratch["marked"], []);
        var folder = Folder("fake");
        Make(folder, does);
        return new Xdelta(clock ?? TimeProvider.System, folder);
    }

    private string Folder(string name) => Directory.CreateDirectory(scratch[name]).FullName;

    private static void Make(string folder, string does)
    {
        var path = Path.Combine(folder, "xdelta3");
        File.WriteAllText(path, $"#!/bin/sh\n{does}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    /// <summary>What was started with a file of this test, and has not ended.</summary>
    private List<string> Running()
    {
        var running = new List<string>();
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(p => char.IsAsciiDigit(p[6])))
        {
            try
            {
                if (File.ReadAllText($"{process}/cmdline").Contains(scratch["marked"], StringComparison.Ordinal))
                    running.Add(process);
            }
            // It has ended meanwhile.
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
        }
        return running;
    }

    private byte[] Changed()
    {
        var next = old.ToArray();
        next[100_000] ^= 1;
        return [.. next[..400_000], .. "inserted"u8, .. next[400_000..]];
    }

    private async Task EncodeAsync(byte[] next)
    {
        await File.WriteAllBytesAsync(scratch["from"], old, stop);
        await File.WriteAllBytesAsync(scratch["to"], next, stop);
        await xdelta.EncodeAsync(scratch["from"], scratch["to"], scratch["delta"], stop);
    }

    private async Task DecodeAsync(Blob result)
    {
        await using var writer = (await sink.OpenAsync(result, stop))!;
        await xdelta.DecodeAsync(scratch["from"], scratch["delta"], result, writer, stop);
        await writer.CompleteAsync(stop);
    }

    private async Task RefuseAsync(Blob result, string reason)
    {
        var refusal = await Assert.ThrowsAsync<InvalidDataException>(() => DecodeAsync(result));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    private static Blob BlobOf(byte[] bytes) => new(SampleImages.Digest(bytes), bytes.Length);

    private sealed class Nowhere : IBlobWriter
    {
        public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => default;

        public ValueTask CompleteAsync(CancellationToken cancellationToken) => default;

        public ValueTask DisposeAsync() => default;
    }
}
