using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Bundles.Tests.Oci;

/// <summary>Images as other tools leave them on disk.</summary>
internal static class SampleImages
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";

    public static string Digest(byte[] bytes) => $"sha256:{Hex(bytes)}";

    public static string Hex(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>A tar with one file.</summary>
    public static byte[] Layer(string name, string content) => Tar((name, Encoding.UTF8.GetBytes(content)));

    public static byte[] Tar(params (string Name, byte[] Content)[] files) =>
        Tar([.. files.Select(f => File(f.Name, f.Content))]);

    public static byte[] Tar(params TarEntry[] entries)
    {
        var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var entry in entries)
                tar.WriteEntry(entry);
        }
        return stream.ToArray();
    }

    public static TarEntry File(string name, byte[] content) =>
        new UstarTarEntry(TarEntryType.RegularFile, name)
        {
            DataStream = new MemoryStream(content),
            ModificationTime = DateTimeOffset.UnixEpoch,
        };

    public static TarEntry Link(string name, string target) =>
        new UstarTarEntry(TarEntryType.SymbolicLink, name)
        {
            LinkName = target,
            ModificationTime = DateTimeOffset.UnixEpoch,
        };

    public static byte[] Gzip(byte[] bytes)
    {
        var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.SmallestSize, leaveOpen: true))
            gzip.Write(bytes);
        return stream.ToArray();
    }

    public static byte[] Config(string architecture, params byte[][] tars) =>
        Encoding.UTF8.GetBytes(
            $$$"""{"architecture":"{{{architecture}}}","os":"linux","config":{"Cmd":["/run"]},"rootfs":{"type":"layers","diff_ids":[{{{List(tars.Select(Digest))}}}]}}"""
        );

    /// <summary>As engines before 25 save: a folder for each layer, and a link where an image has one twice.</summary>
    public static byte[] LegacyArchive(string reference, byte[] config, params byte[][] tars)
    {
        var entries = new List<TarEntry>();
        var names = new List<string>();
        foreach (var (tar, i) in tars.Select((t, i) => (t, i)))
        {
            names.Add($"layer{i}/layer.tar");
            var first = Array.FindIndex(tars, t => t.SequenceEqual(tar));
            entries.Add(first < i ? Link(names[i], $"../layer{first}/layer.tar") : File(names[i], tar));
        }
        return Archive(entries, reference, $"{Hex(config)}.json", config, names);
    }

    /// <summary>As engines from 25 on save.</summary>
    public static byte[] BlobsArchive(string reference, byte[] config, params byte[][] layers) =>
        Archive(
            [.. layers.DistinctBy(Hex).Select(l => File($"blobs/sha256/{Hex(l)}", l))],
            reference,
            $"blobs/sha256/{Hex(config)}",
            config,
            [.. layers.Select(l => $"blobs/sha256/{Hex(l)}")]
        );

    /// <summary>Writes blobs and an index into a folder.</summary>
    public static void Layout(string folder, string index, params byte[][] blobs)
    {
        Directory.CreateDirectory(Path.Combine(folder, "blobs/sha256"));
        System.IO.File.WriteAllText(Path.Combine(folder, "oci-layout"), """{"imageLayoutVersion": "1.0.0"}""");
        System.IO.File.WriteAllText(Path.Combine(folder, "index.json"), index);
        foreach (var blob in blobs)
            System.IO.File.WriteAllBytes(Path.Combine(folder, "blobs/sha256", Hex(blob)), blob);
    }

    /// <summary>A manifest as some tool may have spelt it, with blanks.</summary>
    public static byte[] Manifest(byte[] config, string layerType, params byte[][] layers) =>
        Encoding.UTF8.GetBytes(
            $$"""
            {
              "schemaVersion": 2,
              "mediaType": "{{OciManifest}}",
              "config": {{Descriptor("application/vnd.oci.image.config.v1+json", config)}},
              "layers": [{{string.Join(", ", layers.Select(l => Descriptor(layerType, l)))}}],
              "annotations": {"by": "some tool"}
            }
            """
        );

    public static string Index(params string[] descriptors) =>
        $$"""{"schemaVersion": 2, "mediaType": "{{OciIndex}}", "manifests": [{{string.Join(", ", descriptors)}}]}""";

    public static string Descriptor(string mediaType, byte[] blob, string more = "") =>
        $$"""{"mediaType": "{{mediaType}}", "digest": "{{Digest(blob)}}", "size": {{blob.Length}}{{more}}}""";

    public static string Named(string reference) =>
        $$""", "annotations": {"org.opencontainers.image.ref.name": "{{reference}}"}""";

    private static byte[] Archive(
        List<TarEntry> entries,
        string reference,
        string configName,
        byte[] config,
        IReadOnlyList<string> layers
    )
    {
        var manifest = $$"""[{"Config":"{{configName}}","RepoTags":["{{reference}}"],"Layers":[{{List(layers)}}]}]""";
        entries.Add(File(configName, config));
        entries.Add(File("manifest.json", Encoding.UTF8.GetBytes(manifest)));
        return Tar([.. entries]);
    }

    private static string List(IEnumerable<string> words) => string.Join(",", words.Select(w => $"\"{w}\""));
}
