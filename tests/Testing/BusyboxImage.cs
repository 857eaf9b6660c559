using System.Buffers.Binary;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Appliance.Docker;

namespace Appliance.Testing;

/// <summary>What goes into a test image beside busybox.</summary>
public sealed record ImageRecipe
{
    /// <summary>Its reference, as <c>name:tag</c>.</summary>
    public required string Reference { get; init; }

    /// <summary>The command.</summary>
    public IReadOnlyList<string> Cmd { get; init; } = [];

    /// <summary>The entry point.</summary>
    public IReadOnlyList<string> Entrypoint { get; init; } = [];

    /// <summary>Variables, as <c>NAME=value</c>.</summary>
    public IReadOnlyList<string> Env { get; init; } = [];

    /// <summary>Ports, as <c>80/tcp</c>.</summary>
    public IReadOnlyList<string> ExposedPorts { get; init; } = [];

    /// <summary>The health check.</summary>
    public HealthcheckSpec? Healthcheck { get; init; }

    /// <summary>Labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether its layers are compressed, as most registries have them.</summary>
    public bool IsGzip { get; init; }

    /// <summary>Texts by path; one that begins with <c>#!</c> is executable.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();
}

/// <summary>An image as a docker-archive. The same recipe gives the same bytes.</summary>
/// <param name="Reference">Its reference.</param>
/// <param name="Id">The id that an engine will give it.</param>
/// <param name="Archive">The archive.</param>
public sealed record BusyboxImage(string Reference, string Id, ReadOnlyMemory<byte> Archive)
{
    private const string Busybox = "/bin/busybox";

    private static readonly string[] Applets =
    [
        "[",
        "awk",
        "cat",
        "chmod",
        "chown",
        "cp",
        "cut",
        "date",
        "dd",
        "echo",
        "env",
        "expr",
        "false",
        "find",
        "grep",
        "head",
        "hostname",
        "httpd",
        "id",
        "ip",
        "kill",
        "ln",
        "ls",
        "mkdir",
        "mv",
        "nc",
        "nslookup",
        "od",
        "ping",
        "printf",
        "ps",
        "pwd",
        "rm",
        "sed",
        "seq",
        "sh",
        "sleep",
        "sort",
        "stat",
        "sync",
        "tail",
        "tar",
        "tee",
        "test",
        "touch",
        "tr",
        "true",
        "uname",
        "wc",
        "wget",
        "yes",
    ];

    // Every image has it, so an engine stores it once.
    private static readonly Lazy<Layer> Base = new(BuildBase);

    /// <summary>Builds it.</summary>
    /// <exception cref="InvalidOperationException">There is no static busybox on this machine.</exception>
    public static BusyboxImage Build(ImageRecipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        Layer[] layers = recipe.Files.Count == 0 ? [Base.Value] : [Base.Value, BuildFiles(recipe.Files)];
        var config = Encoding.UTF8.GetBytes(Configuration(recipe, layers).ToJsonString());
        var id = Convert.ToHexStringLower(SHA256.HashData(config));
        var manifest = new JsonArray(
            new JsonObject
            {
                ["Config"] = $"{id}.json",
                ["RepoTags"] = new JsonArray(recipe.Reference),
                ["Layers"] = Strings(layers.Select(layer => layer.Path)),
            }
        );
        var archive = Tar(tar =>
        {
            AddFile(tar, $"{id}.json", config);
            foreach (var layer in layers)
                AddFile(tar, layer.Path, recipe.IsGzip ? Compressed(layer.Bytes) : layer.Bytes);
            AddFile(tar, "manifest.json", Encoding.UTF8.GetBytes(manifest.ToJsonString()));
        });
        return new(recipe.Reference, $"sha256:{id}", archive);
    }

    /// <summary>Loads it into an engine.</summary>
    public async Task LoadIntoAsync(DockerEngine engine, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(engine);
        using var stream = OpenRead();
        await engine.Images.LoadAsync(stream, progress: null, ct);
    }

    /// <summary>The archive as a stream.</summary>
    public Stream OpenRead() => new MemoryStream(Archive.ToArray(), writable: false);

    private static Layer BuildBase()
    {
        var program = File.Exists(Busybox) ? File.ReadAllBytes(Busybox) : [];
        if (!IsStatic(program))
            throw new InvalidOperationException("a static /bin/busybox is missing: apt-get install busybox-static");
        return Layer.Of(
            Tar(tar =>
            {
                foreach (var folder in (string[])["bin/", "etc/", "proc/", "root/", "run/", "sys/", "var/", "www/"])
                    AddFolder(tar, folder, 0b111_101_101);
                AddFolder(tar, "tmp/", 0b1_111_111_111);
                AddFile(tar, "bin/busybox", program, 0b111_101_101);
                foreach (var applet in Applets)
                    tar.WriteEntry(
                        Fixed(new UstarTarEntry(TarEntryType.SymbolicLink, $"bin/{applet}") { LinkName = "busybox" })
                    );
                AddFile(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"u8);
                AddFile(tar, "etc/group", "root:x:0:\nnobody:x:65534:\n"u8);
            })
        );
    }

    private static Layer BuildFiles(IReadOnlyDictionary<string, string> files) =>
        Layer.Of(
            Tar(tar =>
            {
                foreach (var (path, text) in files.OrderBy(file => file.Key, StringComparer.Ordinal))
                {
                    var mode = text.StartsWith("#!", StringComparison.Ordinal) ? 0b111_101_101 : 0b110_100_100;
                    AddFile(tar, path.TrimStart('/'), Encoding.UTF8.GetBytes(text), mode);
                }
            })
        );

    private static JsonObject Configuration(ImageRecipe recipe, Layer[] layers)
    {
        var config = new JsonObject
        {
            ["Env"] = Strings(["PATH=/bin", .. recipe.Env]),
            ["Labels"] = new JsonObject(Sorted(recipe.Labels.Select(l => (l.Key, (JsonNode)l.Value)))),
            ["ExposedPorts"] = new JsonObject(Sorted(recipe.ExposedPorts.Select(p => (p, (JsonNode)new JsonObject())))),
        };
        if (recipe.Cmd.Count > 0)
            config["Cmd"] = Strings(recipe.Cmd);
        if (recipe.Entrypoint.Count > 0)
            config["Entrypoint"] = Strings(recipe.Entrypoint);
        if (recipe.Healthcheck is { } check)
        {
            config["Healthcheck"] = new JsonObject
            {
                ["Test"] = Strings(check.Test ?? []),
                ["Interval"] = Nanoseconds(check.Interval),
                ["Timeout"] = Nanoseconds(check.Timeout),
                ["StartPeriod"] = Nanoseconds(check.StartPeriod),
                ["Retries"] = check.Retries,
            };
        }
        return new()
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["created"] = "2026-01-01T00:00:00Z",
            ["config"] = config,
            ["rootfs"] = new JsonObject
            {
                ["type"] = "layers",
                ["diff_ids"] = Strings(layers.Select(layer => $"sha256:{layer.Digest}")),
            },
        };
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Sorted(
        IEnumerable<(string Key, JsonNode Value)> pairs
    ) => pairs.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value));

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(v => JsonValue.Create(v))]);

    private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;

    private static byte[] Tar(Action<TarWriter> fill)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, TarEntryFormat.Ustar, leaveOpen: true))
            fill(tar);
        return bytes.ToArray();
    }

    private static byte[] Compressed(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return packed.ToArray();
    }

    private static void AddFolder(TarWriter tar, string path, int mode) =>
        tar.WriteEntry(Fixed(new UstarTarEntry(TarEntryType.Directory, path), mode));

    private static void AddFile(TarWriter tar, string path, ReadOnlySpan<byte> bytes, int mode = 0b110_100_100)
    {
        using var data = new MemoryStream(bytes.ToArray());
        tar.WriteEntry(Fixed(new UstarTarEntry(TarEntryType.RegularFile, path) { DataStream = data }, mode));
    }

    private static UstarTarEntry Fixed(UstarTarEntry entry, int mode = 0b111_111_111)
    {
        entry.ModificationTime = DateTimeOffset.UnixEpoch;
        entry.Mode = (UnixFileMode)mode;
        return entry;
    }

    // An ELF program that names no interpreter (PT_INTERP) needs no library.
    private static bool IsStatic(ReadOnlySpan<byte> elf)
    {
        const int interpreter = 3;
        if (elf.Length < 64 || !elf.StartsWith("\u007fELF"u8))
            return false;
        var table = (int)BinaryPrimitives.ReadInt64LittleEndian(elf[32..]);
        var entrySize = BinaryPrimitives.ReadInt16LittleEndian(elf[54..]);
        var entries = BinaryPrimitives.ReadInt16LittleEndian(elf[56..]);
        for (var i = 0; i < entries; i++)
        {
            if (BinaryPrimitives.ReadInt32LittleEndian(elf[(table + (i * entrySize))..]) == interpreter)
                return false;
        }
        return true;
    }

    private sealed record Layer(string Digest, byte[] Bytes)
    {
        public string Path => string.Create(CultureInfo.InvariantCulture, $"{Digest}/layer.tar");

        public static Layer Of(byte[] bytes) => new(Convert.ToHexStringLower(SHA256.HashData(bytes)), bytes);
    }
}
