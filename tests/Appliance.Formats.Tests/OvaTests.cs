using Appliance.Testing;

namespace Appliance.Formats.Tests;

/// <summary>The OVA of a small disk passes every check that importers make; and each check can fail.</summary>
public sealed class OvaTests(Converted converted) : IClassFixture<Converted>, IDisposable
{
    private readonly ScratchFolder scratch = new();

    public static TheoryData<string> Checks => [.. OvaChecks.Names];

    /// <summary>Text of the descriptor, what it becomes, and the check that must notice.</summary>
    public static TheoryData<string, string, string> BadDescriptors =>
        new()
        {
            { "ovf:size=\"", "ovf:size=\"1", "file-size" },
            { "#streamOptimized", "#sparse", "disk" },
            { "ovf:capacity=\"64\"", "ovf:capacity=\"65\"", "capacity" },
            { "capacityAllocationUnits=\"byte * 2^20\"", "capacityAllocationUnits=\"MegaBytes\"", "capacity" },
            { "ovf:populatedSize=\"", "ovf:populatedSize=\"1", "populated" },
            { "<rasd:InstanceID>5<", "<rasd:InstanceID>4<", "items" },
            { "<rasd:ResourceType>10<", "<rasd:ResourceType>24<", "items" },
            { "ovf:/disk/disk1", "file1", "attachment" },
            { "<rasd:Parent>3<", "<rasd:Parent>9<", "attachment" },
            { "<rasd:AllocationUnits>byte * 2^20<", "<rasd:AllocationUnits>MiB<", "processors-memory" },
            { "<rasd:Connection>VM Network<", "<rasd:Connection>LAN<", "network" },
            { "VirtualSCSI", "virtio", "controller" },
            { "vmx-14", "virtualbox-2.2", "hardware-version" },
            { "vmw:value=\"efi\"", "vmw:value=\"bios\"", "firmware" },
            { "ovf:id=\"96\"", "ovf:id=\"1\"", "operating-system" },
            { "<Name>", "<Name>the ", "name" },
            { "<Product>demo-appliance", "<Product>", "product" },
            { "/ovf/envelope/1\"\n          xmlns:ovf", "/ovf/envelope/9\"\n          xmlns:ovf", "sections" },
        };

    public void Dispose() => scratch.Dispose();

    [Theory]
    [MemberData(nameof(Checks))]
    public void An_importer_would_take_it(string check)
    {
        using var ova = Ova.Open(converted.Ova);
        OvaChecks.Run(check, ova);
    }

    [Theory]
    [MemberData(nameof(BadDescriptors))]
    public void A_bad_descriptor_is_noticed(string text, string becomes, string check)
    {
        using (var ova = Ova.Open(converted.Ova))
            ova.WriteChanged(
                scratch["bad.ova"],
                changeDescriptor: d => d.Replace(text, becomes, StringComparison.Ordinal)
            );

        Assert.Contains(check, FailedChecks(scratch["bad.ova"]));
    }

    [Fact]
    public void A_copy_with_nothing_changed_passes_everything()
    {
        using (var ova = Ova.Open(converted.Ova))
            ova.WriteChanged(scratch["same.ova"]);

        Assert.Empty(FailedChecks(scratch["same.ova"]));
    }

    [Fact]
    public void A_descriptor_that_does_not_come_first_is_noticed()
    {
        using (var ova = Ova.Open(converted.Ova))
            ova.WriteChanged(scratch["bad.ova"], changeFiles: files => Enumerable.Reverse(files));

        Assert.Contains("order", FailedChecks(scratch["bad.ova"]));
    }

    [Fact]
    public void A_file_that_was_changed_after_the_manifest_is_noticed()
    {
        using (var ova = Ova.Open(converted.Ova))
            ova.WriteChanged(
                scratch["bad.ova"],
                changeFiles: files =>
                    files.Select(f =>
                        (f.Name, Bytes: f.Name.EndsWith("vmdk", StringComparison.Ordinal) ? [.. f.Bytes, 0] : f.Bytes)
                    )
            );

        Assert.Contains("manifest", FailedChecks(scratch["bad.ova"]));
    }

    [Theory]
    [InlineData(4, 1, "vmdk-header")]
    [InlineData(8, 2, "vmdk-header")]
    [InlineData(77, 0, "vmdk-header")]
    [InlineData(512, 'X', "vmdk-descriptor")]
    public void A_bad_disk_header_is_noticed(int offset, int value, string check)
    {
        using (var ova = Ova.Open(converted.Ova))
            ova.WriteChanged(
                scratch["bad.ova"],
                changeDisk: disk =>
                {
                    disk[offset] = (byte)value;
                    return disk;
                }
            );

        Assert.Contains(check, FailedChecks(scratch["bad.ova"]));
    }

    [Fact]
    public void A_disk_whose_stream_is_damaged_or_has_no_end_is_noticed()
    {
        using (var ova = Ova.Open(converted.Ova))
        {
            ova.WriteChanged(scratch["cut.ova"], changeDisk: disk => disk[..(int)ova.Disk.End!.Value]);
            var at = (int)ova.Disk.Grains[1].At * 512 + 40;
            ova.WriteChanged(
                scratch["damaged.ova"],
                changeDisk: disk =>
                {
                    disk.AsSpan(at, 16).Fill(0xff);
                    return disk;
                }
            );
        }

        Assert.Contains("vmdk-stream", FailedChecks(scratch["cut.ova"]));
        Assert.Contains("vmdk-stream", FailedChecks(scratch["damaged.ova"]));
    }

    [Fact]
    public async Task Sha256sum_agrees_with_the_manifest()
    {
        await Tool.RunAsync("tar", ["--extract", "--file", converted.Ova, "--directory", scratch.Path]);

        var said = await Tool.RunAsync(
            "sh",
            ["-c", "cd \"$1\" && sha256sum --check --strict \"$2.mf\"", "sh", scratch.Path, Converted.Name]
        );

        Assert.Equal($"{Converted.Name}.ovf: OK\n{Converted.Name}-disk1.vmdk: OK\n", said);
    }

    [Fact]
    public async Task Its_disk_is_sound_and_holds_the_same()
    {
        using var ova = Ova.Open(converted.Ova);

        await Tool.RunAsync("qemu-img", ["check", "-f", "vmdk", ova.DiskPath]);
        await Tool.RunAsync("qemu-img", ["compare", "-f", "raw", "-F", "vmdk", converted.Raw, ova.DiskPath]);
    }

    [Fact]
    public async Task Virt_v2v_reads_it() => await ReadWithVirtV2vAsync(converted.Ova, Converted.Name);

    [Fact]
    public async Task Virt_v2v_refuses_one_that_was_changed()
    {
        using (var ova = Ova.Open(converted.Ova))
            ova.WriteChanged(
                scratch["bad.ova"],
                changeFiles: files =>
                    files.Select(f =>
                        (f.Name, Bytes: f.Name.EndsWith("vmdk", StringComparison.Ordinal) ? [.. f.Bytes, 0] : f.Bytes)
                    )
            );

        var (code, _, errors) = await Tool.TryAsync("virt-v2v", ["-i", "ova", scratch["bad.ova"], "--print-source"]);

        Assert.NotEqual(0, code);
        Assert.Contains("does not match manifest", errors.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whatever_the_product_is_called_it_is_read_back_as_it_is()
    {
        const string Product = "A & B <\"c\"> 'd' @NAME@ \\1 & $(id)";
        await Tool.RunAsync(
            Tool.Formats,
            [converted.Raw, scratch["out"], "a", "1+b.2_c-d", "ova"],
            ("PRODUCT", Product),
            ("VENDOR", "]]> &amp;")
        );

        using var ova = Ova.Open(scratch["out/a.ova"]);
        Assert.Empty(FailedChecks(scratch["out/a.ova"]));
        var section = ova.System.Element(Ova.Envelope + "ProductSection")!;
        Assert.Equal(Product, (string?)section.Element(Ova.Envelope + "Product"));
        Assert.Equal("]]> &amp;", (string?)section.Element(Ova.Envelope + "Vendor"));
        Assert.Equal("1+b.2_c-d", (string?)section.Element(Ova.Envelope + "Version"));
        Assert.Equal([scratch["out/a.ova"]], Directory.GetFileSystemEntries(scratch["out"]));
    }

    [Fact]
    public async Task Its_files_are_dated_by_SOURCE_DATE_EPOCH()
    {
        await Tool.RunAsync(
            Tool.Formats,
            [converted.Raw, scratch["out"], Converted.Name, Converted.Version, "ova"],
            ("SOURCE_DATE_EPOCH", "1700000000")
        );

        using var ova = Ova.Open(scratch[$"out/{Converted.Name}.ova"]);
        using var undated = Ova.Open(converted.Ova);
        Assert.All(ova.Entries, entry => Assert.Equal(1_700_000_000, entry.Dated.ToUnixTimeSeconds()));
        Assert.All(undated.Entries, entry => Assert.Equal(0, entry.Dated.ToUnixTimeSeconds()));
    }

    /// <summary>What an importer that is not ours understood.</summary>
    internal static async Task ReadWithVirtV2vAsync(string path, string name)
    {
        var source = await Tool.RunAsync(
            "virt-v2v",
            ["-i", "ova", path, "--print-source"],
            ("LIBGUESTFS_BACKEND", "direct")
        );

        var said = source.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains($"source name: {name}", said);
        Assert.Contains($"memory: {2048L * 1024 * 1024} (bytes)", said);
        Assert.Contains("nr vCPUs: 2", said);
        Assert.Contains("firmware: uefi", said);
        Assert.Contains("0 [scsi]", said);
        Assert.Contains("Bridge \"VM Network\" [vmxnet3]", said);
        Assert.DoesNotContain("warning", source, StringComparison.OrdinalIgnoreCase);
    }

    private static List<string> FailedChecks(string path)
    {
        using var ova = Ova.Open(path);
        return [.. OvaChecks.Names.Where(name => Record.Exception(() => OvaChecks.Run(name, ova)) is not null)];
    }
}
