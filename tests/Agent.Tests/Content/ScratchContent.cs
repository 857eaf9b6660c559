using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Content;

/// <summary>A content store of one test, and what it takes to fill it as a bundle would.</summary>
internal sealed class ScratchContent : IDisposable
{
    private readonly ScratchFolder? owned;

    public ScratchContent(string? folder = null)
    {
        owned = folder is null ? new ScratchFolder() : null;
        Folder = folder ?? owned!.Path;
        Store = Open();
        Library = new ReleaseLibrary(Store, Storage, new Variables(Application), NullLogger<ReleaseLibrary>.Instance);
    }

    public string Folder { get; }
    public ContentStore Store { get; }
    public ReleaseLibrary Library { get; }
    public ApplicationOptions Application { get; } = new();

    public IOptions<StorageOptions> Storage => Options.Create(new StorageOptions { DataDirectory = Folder });

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>As the agent's next start does.</summary>
    public ContentStore Open() => new(Storage, NullLogger<ContentStore>.Instance);

    public string PathOf(Blob blob) => Path.Combine(Folder, "content/blobs/sha256", blob.Digest["sha256:".Length..]);

    public static Blob BlobOf(byte[] bytes) =>
        new($"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}", bytes.Length);

    public Task<Blob> StoreAsync(string text) => StoreAsync(Encoding.UTF8.GetBytes(text));

    public async Task<Blob> StoreAsync(byte[] bytes)
    {
        var blob = BlobOf(bytes);
        await using (var writer = await Store.OpenAsync(blob, Ct))
        {
            if (writer is not null)
            {
                await writer.WriteAsync(bytes, Ct);
                await writer.CompleteAsync(Ct);
            }
        }
        await Store.FlushAsync(Ct);
        return blob;
    }

    /// <summary>Its layers as they are, or gzip, as most registries have them.</summary>
    public async Task<ReleaseImage> StoreAsync(BusyboxImage image, bool gzip = false)
    {
        var entries = new Dictionary<string, byte[]>();
        await using (var tar = new TarReader(image.OpenRead()))
        {
            while (await tar.GetNextEntryAsync(copyData: true, Ct) is { } entry)
            {
                var bytes = new byte[entry.Length];
                await entry.DataStream!.ReadExactlyAsync(bytes, Ct);
                entries[entry.Name] = bytes;
            }
        }

        using var manifest = JsonDocument.Parse(entries["manifest.json"]);
        var layers = new List<ReleaseLayer>();
        foreach (var name in manifest.RootElement[0].GetProperty("Layers").EnumerateArray())
        {
            var tar = entries[name.GetString()!];
            var blob = await StoreAsync(gzip ? Compressed(tar) : tar);
            layers.Add(new ReleaseLayer(blob, gzip, BlobOf(tar).Digest, tar.Length));
        }
        var config = await StoreAsync(entries[manifest.RootElement[0].GetProperty("Config").GetString()!]);
        return new ReleaseImage(image.Reference, await StoreAsync($"manifest of {image.Id}"), config, layers);
    }

    /// <summary>A release as it is once its bundle was read.</summary>
    public async Task<ReleaseContent> ReleaseAsync(
        string compose,
        IReadOnlyList<ReleaseImage> images,
        string version = "1.0.0",
        params (string Path, string Text)[] files
    )
    {
        var product = ComposeLoader
            .Parse(Encoding.UTF8.GetBytes(compose), "compose.yaml", "/nowhere", ComposeOptions.Default)
            .Model?.Name;
        var stored = new List<ReleaseFile>();
        foreach (var (path, text) in files.Prepend(("compose.yaml", compose)))
            stored.Add(new ReleaseFile(path, await StoreAsync(text)));
        var parsed = SemanticVersion.TryParse(version)!;
        var index = await StoreAsync(
            $"index of {version} {compose} {string.Join(' ', images.Select(i => i.Config.Digest))}"
        );
        return new ReleaseContent(
            new ReleaseDescriptor(product ?? "demo", parsed, index, DateTimeOffset.UnixEpoch),
            new ReleaseDocument(product ?? "demo", parsed, null, Allowances.None),
            stored,
            images,
            [
                index,
                .. stored.Select(f => f.Blob),
                .. images.SelectMany(i => i.Layers.Select(l => l.Blob).Append(i.Config)),
            ]
        );
    }

    public async Task<Release> OpenAsync(ReleaseContent content) =>
        Assert.IsType<ReleaseReading.Ready>(await Library.OpenAsync(content, Ct)).Release;

    public void Dispose()
    {
        Store.Dispose();
        owned?.Dispose();
    }

    private static byte[] Compressed(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return packed.ToArray();
    }

    private sealed class Variables(ApplicationOptions options) : IOptionsMonitor<ApplicationOptions>
    {
        public ApplicationOptions CurrentValue => options;

        public ApplicationOptions Get(string? name) => options;

        public IDisposable? OnChange(Action<ApplicationOptions, string?> listener) => null;
    }
}
