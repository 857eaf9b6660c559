using System.Formats.Tar;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Appliance.Formats.Tests;

/// <summary>
/// What importers ask of an OVA, one check each; who asks, and where that is written, is the table in
/// docs/decisions/0010-disk-formats.md, which calls the checks by these names.
/// </summary>
internal static partial class OvaChecks
{
    private static readonly Dictionary<string, Action<Ova>> Checks = new()
    {
        ["archive"] = Archive,
        ["order"] = Order,
        ["manifest"] = Manifest,
        ["owner"] = Owner,
        ["sections"] = Sections,
        ["file-size"] = FileSize,
        ["disk"] = Disk,
        ["capacity"] = Capacity,
        ["populated"] = Populated,
        ["items"] = Items,
        ["attachment"] = Attachment,
        ["processors-memory"] = ProcessorsAndMemory,
        ["network"] = Network,
        ["controller"] = Controller,
        ["hardware-version"] = HardwareVersion,
        ["firmware"] = Firmware,
        ["operating-system"] = OperatingSystem,
        ["name"] = Name,
        ["product"] = Product,
        ["vmdk-header"] = VmdkHeader,
        ["vmdk-descriptor"] = VmdkDescriptor,
        ["vmdk-tables"] = VmdkTables,
        ["vmdk-stream"] = VmdkStream,
        ["partitions"] = Partitions,
    };

    public static IEnumerable<string> Names => Checks.Keys;

    /// <summary>Fails with what is wrong.</summary>
    public static void Run(string name, Ova ova) => Checks[name](ova);

    private static void Archive(Ova ova) =>
        Assert.All(
            ova.Entries,
            entry =>
            {
                Assert.Equal(TarEntryFormat.Ustar, entry.Format);
                Assert.Equal(TarEntryType.RegularFile, entry.Type);
                Assert.Matches(Ova.PlainName(), entry.Name);
            }
        );

    private static void Order(Ova ova)
    {
        var name = Path.GetFileNameWithoutExtension(ova.Entries[0].Name);
        Assert.Equal(
            [$"{name}.ovf", $"{name}.mf", .. References(ova).Select(file => Attribute(file, "href"))],
            ova.Entries.Select(entry => entry.Name)
        );
    }

    private static void Manifest(Ova ova) =>
        Assert.Equal(
            ova.Entries.Where(entry => !entry.Name.EndsWith(".mf", StringComparison.Ordinal))
                .Select(entry => (ValueTuple<string, string, string>?)("SHA256", entry.Name, entry.Digest)),
            ova.Manifest
        );

    private static void Owner(Ova ova) =>
        Assert.All(ova.Entries, entry => Assert.Equal((0, 0), (entry.Owner, entry.Group)));

    private static void Sections(Ova ova)
    {
        Assert.Equal(Ova.Envelope + "Envelope", ova.Root.Name);
        Assert.Equal(["References", "DiskSection", "NetworkSection", "VirtualSystem"], ChildrenOf(ova.Root));
        Assert.Equal(
            ["Info", "Name", "OperatingSystemSection", "VirtualHardwareSection", "ProductSection"],
            ChildrenOf(ova.System)
        );
        Assert.All(
            ova.Root.Descendants().Where(e => e.Name.LocalName.EndsWith("Section", StringComparison.Ordinal)),
            section => Assert.Equal("Info", ChildrenOf(section).First())
        );
    }

    private static void FileSize(Ova ova)
    {
        var entry = Assert.Single(ova.Entries, entry => entry.Name == Attribute(ova.File1, "href"));
        Assert.Equal($"{entry.Size}", Attribute(ova.File1, "size"));
        Assert.Null(ova.File1.Attribute(Ova.Envelope + "compression"));
        Assert.Null(ova.File1.Attribute(Ova.Envelope + "chunkSize"));
    }

    private static void Disk(Ova ova)
    {
        Assert.Equal(
            "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized",
            Attribute(ova.Disk1, "format")
        );
        Assert.Equal(Attribute(ova.File1, "id"), Attribute(ova.Disk1, "fileRef"));
        Assert.Matches(Unreserved(), Attribute(ova.Disk1, "diskId"));
        Assert.Matches(Unreserved(), Attribute(ova.Disk1, "fileRef"));
        Assert.EndsWith(".vmdk", Attribute(ova.File1, "href"), StringComparison.Ordinal);
    }

    private static void Capacity(Ova ova)
    {
        var unit = Unit().Match(Attribute(ova.Disk1, "capacityAllocationUnits"));
        Assert.True(unit.Success, "the unit of the capacity is not byte * base^exponent");
        var factor = Math.Pow(Number(unit.Groups["base"].Value), Number(unit.Groups["exponent"].Value));
        Assert.Equal(ova.Disk.Capacity * 512, Number(Attribute(ova.Disk1, "capacity")) * (long)factor);
    }

    private static void Populated(Ova ova) =>
        Assert.Equal(ova.Disk.Grains.Count * ova.Disk.GrainSize * 512, Number(Attribute(ova.Disk1, "populatedSize")));

    private static void Items(Ova ova)
    {
        Assert.Equal(ova.Items.Count(), ova.Items.Select(item => Ova.Of(item, "InstanceID")).Distinct().Count());
        Assert.All(
            ova.Items,
            item =>
            {
                Assert.Matches("^[0-9]+$", Ova.Of(item, "InstanceID"));
                Assert.NotEmpty(Ova.Of(item, "ElementName"));
                // Any other is an error to VirtualBox, unless it is marked as not required.
                Assert.Contains(
                    Ova.Of(item, "ResourceType"),
                    new[] { "3", "4", "5", "6", "10", "14", "15", "17", "20", "23" }
                );
                // The schema wants the elements of an item in alphabetical order.
                var names = item.Elements().Select(e => e.Name.LocalName).ToList();
                Assert.Equal(names.Order(StringComparer.Ordinal), names);
            }
        );
    }

    private static void Attachment(Ova ova)
    {
        var item = Assert.Single(ova.OfType(17));
        var resource = HostResource().Match(Ova.Of(item, "HostResource"));
        Assert.True(resource.Success, "the disk's HostResource is not ovf:/disk/ID");
        Assert.Equal(Attribute(ova.Disk1, "diskId"), resource.Groups["id"].Value);
        var controller = Assert.Single(ova.Items, other => Ova.Of(other, "InstanceID") == Ova.Of(item, "Parent"));
        Assert.Contains(Ova.Of(controller, "ResourceType"), new[] { "5", "6", "20" });
        Assert.Equal("0", Ova.Of(item, "AddressOnParent"));
    }

    private static void ProcessorsAndMemory(Ova ova)
    {
        var processors = Assert.Single(ova.OfType(3));
        Assert.Equal("2", Ova.Of(processors, "VirtualQuantity"));
        var memory = Assert.Single(ova.OfType(4));
        Assert.Equal("2048", Ova.Of(memory, "VirtualQuantity"));
        Assert.Equal("byte * 2^20", Ova.Of(memory, "AllocationUnits"));
    }

    private static void Network(Ova ova)
    {
        var adapter = Assert.Single(ova.OfType(10));
        Assert.Equal("VmxNet3", Ova.Of(adapter, "ResourceSubType"));
        var networks = ova.Root.Element(Ova.Envelope + "NetworkSection")!.Elements(Ova.Envelope + "Network");
        Assert.Equal([Ova.Of(adapter, "Connection")], networks.Select(network => Attribute(network, "name")));
    }

    private static void Controller(Ova ova)
    {
        var controller = Assert.Single(ova.OfType(6));
        Assert.Equal("VirtualSCSI", Ova.Of(controller, "ResourceSubType"));
        Assert.Equal("0", Ova.Of(controller, "Address"));
    }

    private static void HardwareVersion(Ova ova)
    {
        var family = (string?)ova.Hardware.Element(Ova.Envelope + "System")?.Element(Ova.Vssd + "VirtualSystemType");
        var match = Hardware().Match(family ?? "");
        Assert.True(match.Success, $"'{family}' is not a hardware family of VMware's");
        // From 14 on there may be a virtual TPM; 17 is the newest that vSphere 7.0 knows.
        Assert.InRange(Number(match.Groups["version"].Value), 14, 17);
    }

    private static void Firmware(Ova ova)
    {
        var config = Assert.Single(
            ova.Hardware.Elements(Ova.Vmw + "Config"),
            config => (string?)config.Attribute(Ova.Vmw + "key") == "firmware"
        );
        Assert.Equal("efi", (string?)config.Attribute(Ova.Vmw + "value"));
        // Who does not know the element must be free to pass it over.
        Assert.Equal("false", Attribute(config, "required"));
    }

    private static void OperatingSystem(Ova ova)
    {
        var section = ova.System.Element(Ova.Envelope + "OperatingSystemSection")!;
        Assert.Equal("96", Attribute(section, "id"));
        Assert.Equal("debian10_64Guest", (string?)section.Attribute(Ova.Vmw + "osType"));
    }

    private static void Name(Ova ova)
    {
        var name = (string?)ova.System.Element(Ova.Envelope + "Name") ?? "";
        Assert.Matches(HostName(), name);
        Assert.Equal(name, Attribute(ova.System, "id"));
    }

    private static void Product(Ova ova)
    {
        var product = ova.System.Element(Ova.Envelope + "ProductSection")!;
        Assert.NotEmpty((string?)product.Element(Ova.Envelope + "Product") ?? "");
        Assert.Matches("^[0-9A-Za-z][0-9A-Za-z._+-]*$", (string?)product.Element(Ova.Envelope + "Version") ?? "");
        // The schema's order.
        Assert.Equal(["Info", "Product", "Vendor", "Version"], ChildrenOf(product));
    }

    private static void VmdkHeader(Ova ova)
    {
        var disk = ova.Disk;
        Assert.Equal(0x564d444bu, disk.Magic);
        Assert.Equal(3u, disk.Version);
        // Line ends can be tested, grains are compressed, and have markers; a second directory is allowed.
        Assert.Equal(0x30001u, disk.Flags & ~2u);
        Assert.Equal("\n \r\n", disk.LineEnds);
        Assert.Equal(1, disk.Compression);
        Assert.Equal(128, disk.GrainSize);
        Assert.Equal(512u, disk.EntriesPerTable);
        Assert.Equal(0, disk.Unclean);
    }

    private static void VmdkDescriptor(Ova ova)
    {
        var lines = ova.Disk.Descriptor.Split('\n');
        Assert.Equal("# Disk DescriptorFile", lines[0]);
        Assert.Contains("version=1", lines);
        Assert.Contains("createType=\"streamOptimized\"", lines);
        Assert.Contains("parentCID=ffffffff", lines);
        Assert.Contains("ddb.adapterType = \"lsilogic\"", lines);
        // Tools that come with the guest's system.
        Assert.Contains("ddb.toolsVersion = \"2147483647\"", lines);
        Assert.Matches("^CID=0[0-9a-f]{7}$", Assert.Single(lines, l => l.StartsWith("CID=", StringComparison.Ordinal)));
        Assert.Equal(
            $"RW {ova.Disk.Capacity} SPARSE \"{Attribute(ova.File1, "href")}\"",
            Assert.Single(lines, line => line.StartsWith("RW ", StringComparison.Ordinal))
        );
    }

    private static void VmdkTables(Ova ova)
    {
        var disk = ova.Disk;
        Assert.Equal(disk.Table, disk.RedundantTable);
        Assert.Equal(
            disk.Grains.ToDictionary(grain => grain.Grain, grain => grain.At),
            disk.Table.Index().Where(e => e.Item != 0).ToDictionary(e => (long)e.Index, e => (long)e.Item)
        );
    }

    private static void VmdkStream(Ova ova)
    {
        var disk = ova.Disk;
        Assert.Empty(disk.Damage);
        Assert.NotEmpty(disk.Grains);
        // Forwards only: who reads a stream cannot go back.
        Assert.Equal(disk.Grains.OrderBy(grain => grain.Grain), disk.Grains);
        Assert.NotNull(disk.End);
        // After the end there is at most what fills up a grain.
        Assert.InRange(disk.AfterEnd.Length, 0, disk.GrainSize * 512);
        Assert.All(disk.AfterEnd, value => Assert.Equal(0, value));
    }

    private static void Partitions(Ova ova)
    {
        var (head, tail) = (ova.Disk.Head, ova.Disk.Tail);
        Assert.Equal([0x55, 0xaa], head[510..512]);
        Assert.Equal(0xee, head[450]);
        Assert.Equal("EFI PART", Encoding.Latin1.GetString(head, 512, 8));
        Assert.Equal("EFI PART", Encoding.Latin1.GetString(tail, tail.Length - 512, 8));
        var types = Enumerable.Range(0, 128).Select(i => new Guid(head.AsSpan(1024 + i * 128, 16)));
        Assert.Contains(new Guid("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), types);
    }

    private static IEnumerable<XElement> References(Ova ova) =>
        ova.Root.Element(Ova.Envelope + "References")!.Elements(Ova.Envelope + "File");

    private static IEnumerable<string> ChildrenOf(XElement element) => element.Elements().Select(e => e.Name.LocalName);

    private static string Attribute(XElement element, string name) =>
        (string?)element.Attribute(Ova.Envelope + name) ?? "";

    private static long Number(string digits) => long.Parse(digits, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^[0-9A-Za-z._~-]+$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Unreserved();

    [GeneratedRegex(@"^byte \* (?<base>[0-9]+)\^(?<exponent>[0-9]+)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Unit();

    [GeneratedRegex(@"^ovf:/disk/(?<id>[0-9A-Za-z._~-]+)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex HostResource();

    [GeneratedRegex(@"^vmx-(?<version>[0-9]{1,2})$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Hardware();

    [GeneratedRegex(@"^[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex HostName();
}
