using System.Buffers.Binary;
using System.Numerics;
using System.Text.Json;
using Appliance.Testing;

namespace Appliance.Formats.Tests;

/// <summary>appliance/formats.sh: what it makes, that it makes it again, and what it refuses.</summary>
public sealed class FormatsTests(Converted converted) : IClassFixture<Converted>, IDisposable
{
    private const int MiB = 1024 * 1024;
    private readonly ScratchFolder scratch = new();

    public void Dispose() => scratch.Dispose();

    [Theory]
    [InlineData("qcow2")]
    [InlineData("vhdx")]
    public async Task A_disk_is_sound_and_holds_the_same(string format)
    {
        var path = Path.Combine(converted.Folder, $"{Converted.Name}.{format}");

        await Tool.RunAsync("qemu-img", ["check", "-f", format, path]);
        await Tool.RunAsync("qemu-img", ["compare", "-f", "raw", "-F", format, converted.Raw, path]);
    }

    [Fact]
    public async Task The_same_disk_gives_the_same_bytes_however_sparse_it_is()
    {
        await Tool.RunAsync("cp", ["--sparse=never", converted.Raw, scratch["dense.raw"]]);

        await Tool.RunAsync(Tool.Formats, [scratch["dense.raw"], scratch["out"], Converted.Name, Converted.Version]);

        foreach (var extension in new[] { "qcow2", "ova", "vhdx" })
            Assert.True(
                SameBytes(
                    $"{converted.Folder}/{Converted.Name}.{extension}",
                    scratch[$"out/{Converted.Name}.{extension}"]
                ),
                extension
            );
    }

    [Fact]
    public async Task Running_it_again_replaces_what_is_there_with_the_same()
    {
        Directory.CreateDirectory(scratch["out"]);
        await File.WriteAllTextAsync(scratch["out/a.qcow2"], "old", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(scratch["out/other"], "kept", TestContext.Current.CancellationToken);

        await Tool.RunAsync(Tool.Formats, [converted.Raw, scratch["out"], "a", "1", "qcow2"]);

        Assert.True(SameBytes(converted.Qcow2, scratch["out/a.qcow2"]));
        Assert.Equal(["a.qcow2", "other"], NamesIn("out"));
    }

    [Fact]
    public async Task Qcow2_is_compressed_in_the_way_that_everything_reads()
    {
        using var info = JsonDocument.Parse(
            await Tool.RunAsync("qemu-img", ["info", "--output=json", converted.Qcow2])
        );

        var specific = info.RootElement.GetProperty("format-specific").GetProperty("data");
        Assert.Equal("1.1", specific.GetProperty("compat").GetString());
        Assert.Equal("zlib", specific.GetProperty("compression-type").GetString());
        Assert.InRange(new FileInfo(converted.Qcow2).Length, 5 * MiB, 7 * MiB);
    }

    [Fact]
    public async Task Vhdx_is_dynamic_with_small_blocks_and_both_its_headers_are_good()
    {
        using var info = JsonDocument.Parse(await Tool.RunAsync("qemu-img", ["info", "--output=json", converted.Vhdx]));
        Assert.Equal(MiB, info.RootElement.GetProperty("cluster-size").GetInt32());
        Assert.InRange(new FileInfo(converted.Vhdx).Length, 5 * MiB, 24 * MiB);

        var bytes = await File.ReadAllBytesAsync(converted.Vhdx, TestContext.Current.CancellationToken);
        Assert.Equal("vhdxfile"u8, bytes.AsSpan(0, 8));
        for (var n = 1; n <= 2; n++)
        {
            var header = bytes.AsSpan(n * 65536, 4096);
            Assert.Equal("head"u8, header[..4]);
            Assert.Equal(n, BinaryPrimitives.ReadInt64LittleEndian(header[8..]));
            Assert.Equal(Guid.Empty, new Guid(header.Slice(48, 16)));
            var checksum = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            header[4..8].Clear();
            Assert.Equal(checksum, Crc32C(header));
        }
        // The log holds nothing that was left over.
        Assert.False(bytes.AsSpan(MiB, MiB).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task Another_disk_has_other_ids()
    {
        SampleDisk.Write(scratch["other.raw"], noise: 6);
        await Tool.RunAsync(Tool.Formats, [scratch["other.raw"], scratch["out"], Converted.Name, Converted.Version]);

        using var one = Ova.Open(converted.Ova);
        using var other = Ova.Open(scratch[$"out/{Converted.Name}.ova"]);
        Assert.NotEqual(one.Disk.Descriptor, other.Disk.Descriptor);
        Assert.NotEqual(HeaderIds(converted.Vhdx), HeaderIds(scratch[$"out/{Converted.Name}.vhdx"]));
    }

    [Fact]
    public async Task It_is_the_same_bytes_also_when_qemu_img_drew_a_short_content_id()
    {
        // One in sixteen is: qemu-img writes the number without leading zeros.
        Directory.CreateDirectory(scratch["bin"]);
        await File.WriteAllTextAsync(
            scratch["bin/qemu-img"],
            """
            #!/bin/sh
            PATH=${PATH#*:}
            qemu-img "$@" || exit
            for file; do
                case $1:$file in
                    convert:*.vmdk)
                        dd if="$file" bs=512 skip=1 count=20 status=none | tr -d '\0' | sed 's/^CID=.*/CID=7/' >"$file.short"
                        truncate -s 10240 "$file.short"
                        dd if="$file.short" of="$file" bs=512 seek=1 conv=notrunc status=none
                        rm "$file.short"
                        ;;
                esac
            done
            """,
            TestContext.Current.CancellationToken
        );
        await Tool.RunAsync("chmod", ["+x", scratch["bin/qemu-img"]]);

        await Tool.RunAsync(
            Tool.Formats,
            [converted.Raw, scratch["out"], Converted.Name, Converted.Version, "ova"],
            ("PATH", $"{scratch["bin"]}:{Environment.GetEnvironmentVariable("PATH")}")
        );

        Assert.True(SameBytes(converted.Ova, scratch[$"out/{Converted.Name}.ova"]));
    }

    [Fact]
    public async Task Killed_half_way_it_leaves_nothing_broken_and_the_next_run_cleans_up()
    {
        SampleDisk.Write(scratch["large.raw"], mebibytes: 256, noise: 200);
        Directory.CreateDirectory(scratch["out"]);
        await File.WriteAllTextAsync(scratch["out/a.ova"], "old", TestContext.Current.CancellationToken);

        using (var killed = Tool.Start(Tool.Formats, [scratch["large.raw"], scratch["out"], "a", "1", "ova"]))
        {
            await Eventually.TrueAsync(
                "the disk is being converted",
                () => File.Exists(scratch["out/.a.formats/a-disk1.vmdk"]),
                TestContext.Current.CancellationToken
            );
            killed.Kill();
            await killed.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        Assert.Equal("old", await File.ReadAllTextAsync(scratch["out/a.ova"], TestContext.Current.CancellationToken));

        // What it had left running holds the lock, so this run comes after its end.
        await Tool.RunAsync(Tool.Formats, [scratch["large.raw"], scratch["out"], "a", "1", "ova"]);

        Assert.Equal(["a.ova"], NamesIn("out"));
        using var ova = Ova.Open(scratch["out/a.ova"]);
        foreach (var check in OvaChecks.Names)
            OvaChecks.Run(check, ova);
    }

    [Theory]
    [InlineData("a b", "1", "ova", "virtual machine's name")]
    [InlineData("../a", "1", "ova", "virtual machine's name")]
    [InlineData("-a", "1", "ova", "virtual machine's name")]
    [InlineData("a<", "1", "ova", "virtual machine's name")]
    [InlineData("a", "1 2", "ova", "cannot be a version")]
    [InlineData("a", "<1>", "ova", "cannot be a version")]
    [InlineData("a", "1", "vdi", "unknown format")]
    public async Task Names_versions_and_formats_that_importers_would_stumble_over_are_refused(
        string name,
        string version,
        string format,
        string reason
    )
    {
        var (code, output, errors) = await Tool.TryAsync(
            Tool.Formats,
            [converted.Raw, scratch["out"], name, version, format]
        );

        Assert.Equal((1, ""), (code, output));
        Assert.Contains(reason, errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(scratch["out"]));
    }

    [Fact]
    public async Task A_disk_that_is_not_a_whole_number_of_MiB_is_refused()
    {
        await File.WriteAllBytesAsync(scratch["odd.raw"], new byte[MiB + 512], TestContext.Current.CancellationToken);

        var (code, _, errors) = await Tool.TryAsync(Tool.Formats, [scratch["odd.raw"], scratch["out"], "a", "1"]);

        Assert.Equal(1, code);
        Assert.Contains("a whole number of MiB", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_with_a_control_character_is_refused_and_nothing_is_left()
    {
        var (code, _, errors) = await Tool.TryAsync(
            Tool.Formats,
            [converted.Raw, scratch["out"], "a", "1", "ova"],
            ("PRODUCT", "bell\a")
        );

        Assert.Equal(1, code);
        Assert.Contains("control characters", errors, StringComparison.Ordinal);
        Assert.Empty(NamesIn("out"));
    }

    private IEnumerable<string> NamesIn(string folder) =>
        Directory
            .GetFileSystemEntries(scratch[folder])
            .Select(path => Path.GetFileName(path))
            .Order(StringComparer.Ordinal);

    private static bool SameBytes(string one, string other) =>
        File.ReadAllBytes(one).AsSpan().SequenceEqual(File.ReadAllBytes(other));

    private static byte[] HeaderIds(string vhdx) => File.ReadAllBytes(vhdx)[(65536 + 16)..(65536 + 48)];

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
            crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
