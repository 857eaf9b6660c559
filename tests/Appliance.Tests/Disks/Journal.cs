namespace Appliance.Tests.Disks;

/// <summary>systemd's journal, taken off a disk whose machine is off, or was killed.</summary>
internal static class Journal
{
    /// <summary>Which partition holds it.</summary>
    public const int Partition = 3;

    // Where on that partition, best first.
    private static readonly string[] Places = ["/journal", "/log/journal", "/var/log/journal"];

    /// <summary>The journal as text, with a first line that says why there is none if there is none.</summary>
    public static async Task<string> ReadAsync(DiskImage disk, string scratch, CancellationToken ct)
    {
        var copy = Path.Combine(scratch, "data.img");
        try
        {
            return await ReadAsync(await disk.ExtractPartitionAsync(Partition, copy, ct), scratch, ct);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    /// <summary>The same of a copy of that partition, which is mended for it.</summary>
    public static async Task<string> ReadAsync(Ext4 data, string scratch, CancellationToken ct)
    {
        var folder = Path.Combine(scratch, "journal");
        try
        {
            // Whatever the machine was doing, as much as possible is wanted of it.
            await data.MendAsync(ct);
            foreach (var place in Places)
            {
                if (await data.ListAsync(place, ct) is not { Count: > 0 } names)
                    continue;
                Directory.CreateDirectory(folder);
                await data.CopyFolderAsync(place, folder, ct);
                var journal = await Tool.TryAsync(
                    "journalctl",
                    [
                        "--directory",
                        Path.Combine(folder, Path.GetFileName(place)),
                        "--no-pager",
                        "--output=short-precise",
                        "--utc",
                    ],
                    ct
                );
                return journal.Text + journal.Errors + $"(of {place}: {string.Join(' ', names)})\n";
            }
            return $"no journal on partition {Partition}, in none of {string.Join(' ', Places)}\n";
        }
        finally
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }
}
