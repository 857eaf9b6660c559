using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Signing;

/// <summary>The files of a signer's repository, by what they are.</summary>
internal sealed class SignerFolder(string path)
{
    private const int SchemaVersion = 1;
    private const int MaxSettingsBytes = 4096;
    private const int MaxMetadataBytes = MetadataLimits.TargetsBytes;

    public string Path { get; } = path;

    public SignerKeys Keys { get; } = new(System.IO.Path.Combine(path, "keys"));

    public RootSeal Seal { get; } = new(System.IO.Path.Combine(path, "keys"));

    private string Parent =>
        System.IO.Path.GetDirectoryName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(Path)))
        ?? "/";

    private string Settings => In("repository.json");

    private string Metadata => In("metadata");

    private string Timestamp => System.IO.Path.Combine(Metadata, "timestamp.json");

    public string RootFile(int version) => System.IO.Path.Combine(Metadata, $"{version}.root.json");

    /// <exception cref="RefusedException">There is something already.</exception>
    public void MakeFolders()
    {
        if (File.Exists(Settings))
            throw new RefusedException($"{Path} is a signer's repository already");
        if (File.Exists(Path) || Directory.Exists(Path) && Directory.EnumerateFileSystemEntries(Path).Any())
            throw new RefusedException(
                $"{Path} is not empty: name a new folder for the keys, or remove what was left there"
            );
        Directory.CreateDirectory(Path);
        DurableFile.MakePrivateFolder(Keys.Folder);
        Directory.CreateDirectory(Metadata);
        Directory.CreateDirectory(In("targets"));
        DurableFile.FlushFolder(Path);
        DurableFile.FlushFolder(Parent);
    }

    // EWOULDBLOCK, the number of Linux: somebody holds the lock.
    private const int WouldBlock = 11;

    /// <summary>Keeps a second command out until it is disposed of.</summary>
    /// <exception cref="RefusedException">One is at work.</exception>
    public IDisposable Lock()
    {
        try
        {
            return new FileStream(
                In(".lock"),
                new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                }
            );
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            throw new RefusedException($"another command is at work in {Path}: try again when it has ended", e);
        }
    }

    public Task WriteSettingsAsync(string product, SignerExpiries expiries, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new() { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteNumber("schema-version", SchemaVersion);
            json.WriteString("product", product);
            json.WriteStartObject("expiry-days");
            json.WriteNumber("root", expiries.RootDays);
            json.WriteNumber("targets", expiries.TargetsDays);
            json.WriteNumber("snapshot", expiries.SnapshotDays);
            json.WriteNumber("timestamp", expiries.TimestampDays);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return DurableFile.WriteAsync(Settings, buffer.WrittenMemory, isPrivate: false, cancellationToken);
    }

    /// <exception cref="RefusedException">It is no signer's repository.</exception>
    public async Task<(string Product, SignerExpiries Expiries)> ReadSettingsAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(Settings))
            throw new RefusedException(
                $"{Path} is not a signer's repository: make one with `appliancectl bundle keys init {Path} --product NAME`"
            );
        try
        {
            var json = StrictJson.Parse(Settings, await ReadAsync(Settings, cancellationToken), MaxSettingsBytes);
            if (json.GetProperty("schema-version").GetInt64() is var version and not SchemaVersion)
                throw new RefusedException(
                    $"{Settings}: schema-version is {version}, and {SchemaVersion} is what this program knows: update it"
                );
            var days = json.GetProperty("expiry-days");
            var settings = new SignerSettings(json.GetProperty("product").GetString() ?? "")
            {
                Expiries = new()
                {
                    RootDays = days.GetProperty("root").GetInt32(),
                    TargetsDays = days.GetProperty("targets").GetInt32(),
                    SnapshotDays = days.GetProperty("snapshot").GetInt32(),
                    TimestampDays = days.GetProperty("timestamp").GetInt32(),
                },
            };
            settings.Check();
            return (settings.Product, settings.Expiries);
        }
        // What JsonElement throws where a member is missing, has another type, or is no 32-bit number.
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new RefusedException($"{Settings} is not what `bundle keys init` writes: {e.Message}", e);
        }
    }

    /// <summary>All roots, the first one first.</summary>
    /// <exception cref="RefusedException">One is missing.</exception>
    public async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ReadRootsAsync(CancellationToken cancellationToken)
    {
        var roots = new List<ReadOnlyMemory<byte>>();
        var count = Math.Max(1, HighestVersion(RoleNames.Root));
        while (roots.Count < count)
            roots.Add(await ReadAsync(RootFile(roots.Count + 1), cancellationToken));
        return roots;
    }

    public Task WriteRootAsync(long version, ReadOnlyMemory<byte> root, CancellationToken cancellationToken) =>
        DurableFile.WriteAsync(RootFile((int)version), root, isPrivate: false, cancellationToken);

    /// <summary>What is given out at present; null before the first release.</summary>
    /// <exception cref="RefusedException">A file is missing.</exception>
    public async Task<MetadataSet?> ReadPublishedAsync(
        IReadOnlyList<ReadOnlyMemory<byte>> roots,
        CancellationToken cancellationToken
    )
    {
        var file = Timestamp;
        if (!File.Exists(file))
            return HighestVersion(RoleNames.Snapshot) == 0
                ? null
                : throw new RefusedException(
                    $"{file} is missing, and says what was signed before: bring it back from a backup of the repository. If no release was ever signed, the first command was cut short: then remove {Versioned("*", RoleNames.Snapshot)}"
                );
        var timestamp = await ReadAsync(file, cancellationToken);
        file = Versioned(UnverifiedMetadata.Timestamp(file, timestamp).Snapshot.Version, RoleNames.Snapshot);
        var snapshot = await ReadAsync(file, cancellationToken);
        var targets = UnverifiedMetadata.Snapshot(file, snapshot).Files["targets.json"];
        return new(
            roots,
            timestamp,
            snapshot,
            await ReadAsync(Versioned(targets.Version, RoleNames.Targets), cancellationToken)
        );
    }

    /// <summary>
    /// Gives out new metadata. The timestamp comes last: whatever is cut short before it leaves files that nothing names.
    /// </summary>
    /// <remarks>It takes no time that would be worth a way to cancel it.</remarks>
    public async Task PublishAsync(MetadataSet metadata)
    {
        var snapshot = UnverifiedMetadata.Timestamp("timestamp.json", metadata.Timestamp).Snapshot.Version;
        var targets = UnverifiedMetadata.Snapshot("snapshot.json", metadata.Snapshot).Files["targets.json"].Version;
        await WriteAsync(Versioned(targets, RoleNames.Targets), metadata.Targets, CancellationToken.None);
        await WriteAsync(Versioned(snapshot, RoleNames.Snapshot), metadata.Snapshot, CancellationToken.None);
        await WriteAsync(Timestamp, metadata.Timestamp, CancellationToken.None);
    }

    /// <summary>The highest version of a role that a file here has, whether or not it was ever given out; 0: none.</summary>
    public long HighestVersion(string role) =>
        Directory
            .EnumerateFiles(Metadata, $"*.{role}.json")
            .Select(file => System.IO.Path.GetFileName(file).Split('.')[0])
            .Select(text => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var v) ? v : 0)
            .DefaultIfEmpty(0)
            .Max();

    public Task<byte[]> ReadTargetAsync(string path, TargetFile target, CancellationToken cancellationToken) =>
        ReadAsync(TargetFile(path, target), cancellationToken);

    public async Task WriteTargetAsync(
        string path,
        TargetFile target,
        ReadOnlyMemory<byte> bytes,
        CancellationToken cancellationToken
    )
    {
        var file = TargetFile(path, target);
        var place = System.IO.Path.GetDirectoryName(file)!;
        Directory.CreateDirectory(place);
        for (var above = place; above != In("targets"); )
            DurableFile.FlushFolder(above = System.IO.Path.GetDirectoryName(above)!);
        await WriteAsync(file, bytes, cancellationToken);
    }

    private string TargetFile(string path, TargetFile target)
    {
        var (folder, name) = (System.IO.Path.GetDirectoryName(path)!, System.IO.Path.GetFileName(path));
        return System.IO.Path.Combine(In("targets"), folder, $"{target.Hashes["sha256"]}.{name}");
    }

    private string Versioned(long version, string role) => Versioned($"{version}", role);

    private string Versioned(string version, string role) => System.IO.Path.Combine(Metadata, $"{version}.{role}.json");

    private string In(string name) => System.IO.Path.Combine(Path, name);

    private static Task WriteAsync(string file, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        DurableFile.WriteAsync(file, bytes, isPrivate: false, cancellationToken);

    private static async Task<byte[]> ReadAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            return new FileInfo(file).Length <= MaxMetadataBytes
                ? await File.ReadAllBytesAsync(file, cancellationToken)
                : throw new RefusedException($"{file} is larger than anything this repository writes");
        }
        catch (FileNotFoundException e)
        {
            throw new RefusedException($"{file} is missing: bring it back from a backup of the repository", e);
        }
    }
}
