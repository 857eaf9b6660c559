namespace Appliance.Tests.Disks;

/// <summary>
/// A small FAT disk that carries files into a machine, and back once the guest has unmounted it. The guest finds it as
/// <see cref="Device"/>; nothing is mounted on the host.
/// </summary>
internal sealed class SeedDisk
{
    /// <summary>Where the guest finds it, whichever other disks there are.</summary>
    public const string Device = "/dev/disk/by-label/SEED";

    private const int Mebibyte = 1 << 20;

    private SeedDisk(string path) => Path = path;

    public string Path { get; }

    /// <summary>Makes one of the given files, by the names that they have on it; folders are made as needed.</summary>
    /// <param name="path">The disk's file.</param>
    /// <param name="files">Name on the disk, such as <c>bundles/demo-2.0.0.bundle</c>, to file of the host.</param>
    /// <param name="ct">Cancels it.</param>
    /// <param name="spare">How many bytes to leave for what the guest writes.</param>
    public static async Task<SeedDisk> CreateAsync(
        string path,
        IReadOnlyDictionary<string, string> files,
        CancellationToken ct,
        long spare = 16 * Mebibyte
    )
    {
        var content = files.Values.Sum(file => new FileInfo(file).Length);
        // FAT32 wants 32 MiB at the least; its tables take less than a hundredth.
        var size = Math.Max(64L * Mebibyte, (content + (content / 50) + spare + Mebibyte) / Mebibyte * Mebibyte);
        await using (var file = new FileStream(path, FileMode.Create))
            file.SetLength(size);
        await Tool.RunAsync("mformat", ["-i", path, "-F", "-v", "SEED", "-T", $"{size / 512}", "::"], ct);

        var disk = new SeedDisk(path);
        var made = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, file) in files)
        {
            foreach (var folder in FoldersOf(name).Where(made.Add))
                await Tool.RunAsync("mmd", ["-i", path, "::" + folder], ct);
            await Tool.RunAsync("mcopy", ["-i", path, "-m", file, "::" + name], ct);
        }
        return disk;
    }

    /// <summary>Reads a file back, after the guest has unmounted the disk or is off; null when there is none.</summary>
    public async Task<byte[]?> ReadAsync(string name, CancellationToken ct)
    {
        var copy = await Tool.TryAsync("mcopy", ["-i", Path, "::" + name, "-"], ct);
        return copy.ExitCode == 0 ? copy.Output
            : copy.Errors.Contains("not found", StringComparison.OrdinalIgnoreCase) ? null
            : throw copy.Failure();
    }

    private static IEnumerable<string> FoldersOf(string name)
    {
        var words = name.Split('/');
        return Enumerable.Range(1, words.Length - 1).Select(count => string.Join('/', words[..count]));
    }
}
