using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Appliance.Testing;

namespace Appliance.Formats.Tests;

/// <summary>An OVA, unpacked and read; what is wrong with it is for <see cref="OvaChecks"/> to say.</summary>
internal sealed partial class Ova : IDisposable
{
    public static readonly XNamespace Envelope = "http://schemas.dmtf.org/ovf/envelope/1";
    public static readonly XNamespace Rasd =
        "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
    public static readonly XNamespace Vssd =
        "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";
    public static readonly XNamespace Vmw = "http://www.vmware.com/schema/ovf";

    private readonly ScratchFolder scratch = new();
    private readonly List<Entry> entries = [];
    private readonly Lazy<XDocument> descriptor;
    private readonly Lazy<Vmdk> disk;

    private Ova()
    {
        descriptor = new(() => XDocument.Load(scratch[Named(".ovf").Name]));
        disk = new(() =>
        {
            using var file = File.OpenRead(DiskPath);
            return Vmdk.Read(file);
        });
    }

    public IReadOnlyList<Entry> Entries => entries;

    /// <summary>The descriptor's root element.</summary>
    public XElement Root => descriptor.Value.Root!;

    public XElement System => Root.Element(Envelope + "VirtualSystem")!;
    public XElement Hardware => System.Element(Envelope + "VirtualHardwareSection")!;
    public IEnumerable<XElement> Items => Hardware.Elements(Envelope + "Item");
    public XElement File1 => Root.Element(Envelope + "References")!.Elements(Envelope + "File").Single();
    public XElement Disk1 => Root.Element(Envelope + "DiskSection")!.Elements(Envelope + "Disk").Single();

    public Vmdk Disk => disk.Value;
    public string DiskPath => scratch[(string)File1.Attribute(Envelope + "href")!];

    /// <summary>The manifest's lines: algorithm, name, digest; null for one that is none.</summary>
    public IReadOnlyList<(string Algorithm, string Name, string Digest)?> Manifest =>
        [
            .. File.ReadAllText(scratch[Named(".mf").Name])
                .TrimEnd('\n')
                .Split('\n')
                .Select(line => ManifestLine().Match(line))
                .Select(match =>
                    match.Success
                        ? (match.Groups["algorithm"].Value, match.Groups["name"].Value, match.Groups["digest"].Value)
                        : ((string, string, string)?)null
                ),
        ];

    public static Ova Open(string path)
    {
        var ova = new Ova();
        using var file = File.OpenRead(path);
        using var reader = new TarReader(file);
        while (reader.GetNextEntry() is { } entry)
        {
            var digest = "";
            // What is not a plain name stays packed: a check says so.
            if (entry.DataStream is { } data && PlainName().IsMatch(entry.Name))
            {
                using (var unpacked = File.Create(ova.scratch[entry.Name]))
                    data.CopyTo(unpacked);
                using var again = File.OpenRead(ova.scratch[entry.Name]);
                digest = Convert.ToHexStringLower(SHA256.HashData(again));
            }
            ova.entries.Add(
                new(
                    entry.Name,
                    entry.Format,
                    entry.EntryType,
                    entry.Length,
                    entry.Uid,
                    entry.Gid,
                    entry.ModificationTime,
                    digest
                )
            );
        }
        return ova;
    }

    public void Dispose() => scratch.Dispose();

    /// <summary>The text of a child of an <c>Item</c>.</summary>
    public static string Of(XElement item, string name) => (string?)item.Element(Rasd + name) ?? "";

    public IEnumerable<XElement> OfType(int type) => Items.Where(item => Of(item, "ResourceType") == $"{type}");

    /// <summary>A copy with another descriptor, and a manifest that agrees with it; or with other entries altogether.</summary>
    public void WriteChanged(
        string path,
        Func<string, string>? changeDescriptor = null,
        Func<byte[], byte[]>? changeDisk = null,
        Func<List<(string Name, byte[] Bytes)>, IEnumerable<(string Name, byte[] Bytes)>>? changeFiles = null
    )
    {
        var files = entries.Select(entry => (entry.Name, Bytes: File.ReadAllBytes(scratch[entry.Name]))).ToList();
        for (var i = 0; i < files.Count; i++)
        {
            if (changeDescriptor is not null && files[i].Name.EndsWith(".ovf", StringComparison.Ordinal))
            {
                var before = Encoding.UTF8.GetString(files[i].Bytes);
                var after = changeDescriptor(before);
                Assert.NotEqual(before, after);
                files[i] = (files[i].Name, Encoding.UTF8.GetBytes(after));
            }
            if (changeDisk is not null && files[i].Name.EndsWith(".vmdk", StringComparison.Ordinal))
                files[i] = (files[i].Name, changeDisk(files[i].Bytes));
        }
        var manifest = string.Concat(
            files
                .Where(file => !file.Name.EndsWith(".mf", StringComparison.Ordinal))
                .Select(file => $"SHA256({file.Name})= {Convert.ToHexStringLower(SHA256.HashData(file.Bytes))}\n")
        );
        var at = files.FindIndex(file => file.Name.EndsWith(".mf", StringComparison.Ordinal));
        files[at] = (files[at].Name, Encoding.UTF8.GetBytes(manifest));

        using var writer = new TarWriter(File.Create(path), TarEntryFormat.Ustar);
        foreach (var (name, bytes) in changeFiles?.Invoke(files) ?? files)
            writer.WriteEntry(
                new UstarTarEntry(TarEntryType.RegularFile, name)
                {
                    DataStream = new MemoryStream(bytes),
                    ModificationTime = DateTimeOffset.UnixEpoch,
                }
            );
    }

    private Entry Named(string extension) =>
        entries.Single(entry => entry.Name.EndsWith(extension, StringComparison.Ordinal));

    [GeneratedRegex(@"^[0-9A-Za-z][0-9A-Za-z._-]*$", RegexOptions.ExplicitCapture, 1000)]
    public static partial Regex PlainName();

    [GeneratedRegex(
        @"^(?<algorithm>SHA(1|256|512))\s*\((?<name>.*)\)\s*= (?<digest>[0-9a-f]+)$",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex ManifestLine();

    internal sealed record Entry(
        string Name,
        TarEntryFormat Format,
        TarEntryType Type,
        long Size,
        int Owner,
        int Group,
        DateTimeOffset Dated,
        string Digest
    );
}
