using System.Globalization;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Updates;

/// <summary>
/// The files of volumes, where the engine has them. What is kept of them is on the same file system: so a snapshot is put
/// back by renaming it, at once and on a full disk too.
/// </summary>
internal static class VolumeFiles
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // cp does not clone what is too small to have a block of its own.
    private const int ProbeSize = 64 * 1024;

    /// <summary>Where an operation keeps what volumes held.</summary>
    /// <param name="live">Of one of them: <c>…/volumes/NAME/_data</c>.</param>
    public static string FolderFor(string live, Operation operation) =>
        Path.Combine(ShelfOf(live, operation.Product), operation.Name);

    /// <summary>Where all operations on a product keep it.</summary>
    public static string ShelfOf(string live, string product)
    {
        var engine = Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(live)));
        return Path.Combine(engine ?? "/", "appliance-snapshots", product);
    }

    /// <summary>What folders take on the disk, each for itself.</summary>
    /// <exception cref="IOException">One cannot be read.</exception>
    public static async Task<IReadOnlyList<long>> SizesAsync(IReadOnlyList<string> folders, CancellationToken ct)
    {
        // One process for all of them: it is asked while somebody waits, or while the data stands still.
        var printed = await Coreutils.RunAsync("du", ["--summarize", "--block-size=1", "--", .. folders], ct);
        long[] sizes =
        [
            .. printed
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => long.Parse(line.Split('\t')[0], CultureInfo.InvariantCulture)),
        ];
        return sizes.Length == folders.Count
            ? sizes
            : throw new IOException($"du said {sizes.Length} sizes of {folders.Count} folders");
    }

    /// <summary>Proves that what is kept can be put back, and finds out whether a copy takes any room.</summary>
    /// <param name="shelf">Where it would be kept.</param>
    /// <param name="live">What would be.</param>
    /// <returns>Whether a copy shares its blocks with what it is of.</returns>
    /// <exception cref="IOException">It cannot be written there, or not be put back from there.</exception>
    public static async Task<bool> ProbeAsync(string shelf, IReadOnlyList<string> live, CancellationToken ct)
    {
        Directory.CreateDirectory(shelf, OwnerOnly);
        var probe = Path.Combine(shelf, ".probe");
        var beside = live.Select(l => Path.Combine(Path.GetDirectoryName(l)!, ".appliance-probe")).ToList();
        try
        {
            // Of an agent that was killed.
            await RemoveAllAsync([probe, .. beside], ct);
            Directory.CreateDirectory(probe, OwnerOnly);
            var file = Path.Combine(probe, "file");
            await File.WriteAllBytesAsync(file, new byte[ProbeSize], ct);
            // What can be renamed is on the same file system, so this holds for all of them.
            var shares = await CanCloneAsync(file, Path.Combine(probe, "copy"), ct);
            foreach (var place in beside)
            {
                Directory.Move(probe, place);
                Directory.Move(place, probe);
            }
            return shares;
        }
        finally
        {
            await RemoveAllAsync([probe, .. beside], CancellationToken.None);
        }
    }

    /// <summary>Copies folders, each whole and durable, or not at all.</summary>
    /// <exception cref="IOException">It cannot be done; there may be parts beside what they are copied to.</exception>
    public static async Task CopyAsync(IReadOnlyList<(string From, string To)> folders, CancellationToken ct)
    {
        // Of its own: a copy that an agent began which was killed may still be written.
        var parts = folders.Select(f => $"{f.To}.{Guid.NewGuid():N}.part").ToList();
        // Not --archive, with which it is no error to lose an attribute.
        string[] how =
        [
            "--recursive",
            "--no-dereference",
            "--preserve=mode,ownership,timestamps,links,xattr",
            "--reflink=auto",
            "--no-target-directory",
        ];
        foreach (var (folder, part) in folders.Zip(parts))
            await Coreutils.RunAsync("cp", [.. how, "--", folder.From, part], ct);
        // Once for all on it: each time all that the machine has to write is waited for.
        foreach (var shelf in parts.GroupBy(p => Path.GetDirectoryName(p)!))
            await Coreutils.RunAsync("sync", ["--file-system", "--", shelf.Key], ct);
        foreach (var (folder, part) in folders.Zip(parts))
        {
            Failpoint.Before(Failpoint.KeepVolume);
            Directory.Move(part, folder.To);
            DurableFolder.Flush(Path.GetDirectoryName(folder.To)!);
            Failpoint.After(Failpoint.KeepVolume);
        }
    }

    /// <summary>
    /// Puts one folder in the place of another, and that one aside. Nothing may use them. Killed in between, the same call
    /// finishes it.
    /// </summary>
    /// <returns>False: there is nothing to put there, and nothing was.</returns>
    /// <exception cref="IOException">It could not be done; it may be half done.</exception>
    public static bool Exchange(string live, string incoming, string outgoing)
    {
        if (!Directory.Exists(incoming))
            return Directory.Exists(live) && Directory.Exists(outgoing);
        if (Directory.Exists(live))
        {
            Failpoint.Before(Failpoint.MoveVolume);
            Directory.Move(live, outgoing);
            DurableFolder.Flush(Path.GetDirectoryName(outgoing)!);
            DurableFolder.Flush(Path.GetDirectoryName(live)!);
            Failpoint.After(Failpoint.MoveVolume);
        }
        Failpoint.Before(Failpoint.MoveVolume);
        Directory.Move(incoming, live);
        DurableFolder.Flush(Path.GetDirectoryName(live)!);
        DurableFolder.Flush(Path.GetDirectoryName(incoming)!);
        Failpoint.After(Failpoint.MoveVolume);
        return true;
    }

    public static void Make(string folder)
    {
        Directory.CreateDirectory(folder, OwnerOnly);
        DurableFolder.Flush(Path.GetDirectoryName(folder)!);
    }

    /// <summary>Removes a folder with all that is in it, if it is there.</summary>
    /// <exception cref="IOException">Something of it is left.</exception>
    public static Task RemoveAsync(string folder, CancellationToken ct) =>
        Coreutils.RunAsync("rm", ["--recursive", "--force", "--one-file-system", "--", folder], ct);

    private static async Task RemoveAllAsync(IEnumerable<string> folders, CancellationToken ct)
    {
        foreach (var folder in folders.Where(Directory.Exists))
            await RemoveAsync(folder, ct);
    }

    private static async Task<bool> CanCloneAsync(string file, string copy, CancellationToken ct)
    {
        try
        {
            await Coreutils.RunAsync("cp", ["--reflink=always", "--", file, copy], ct);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
