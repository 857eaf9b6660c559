using System.Globalization;
using System.Text.RegularExpressions;
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
    /// <param name="isInUse">Whether files may come and go meanwhile.</param>
    /// <exception cref="IOException">One cannot be read.</exception>
    public static async Task<IReadOnlyList<long>> SizesAsync(
        IReadOnlyList<string> folders,
        bool isInUse,
        CancellationToken ct
    )
    {
        // One process for all of them: it is asked while somebody waits, or while the data stands still.
        var du = await Coreutils.EndOfAsync("du", ["--summarize", "--block-size=1", "--", .. folders], ct);
        return TotalsOf(du, folders.Count, isInUse) ?? throw du.Failure("du");
    }

    /// <returns>Null: they are not known.</returns>
    internal static IReadOnlyList<long>? TotalsOf(Coreutils.Ended du, int count, bool isInUse)
    {
        // What was deleted while it looked takes nothing any more.
        var isWhole =
            du.ExitCode == 0
            || isInUse
                && du.ExitCode == 1
                && du.Said.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .All(line => line.EndsWith(": No such file or directory", StringComparison.Ordinal));
        var totals = new List<long>();
        foreach (var line in du.Printed.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!long.TryParse(line.Split('\t')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var total))
                return null;
            totals.Add(total);
        }
        return isWhole && totals.Count == count ? totals : null;
    }

    /// <summary>Proves that what is kept can be put back, and finds out whether a copy takes any room.</summary>
    /// <param name="shelf">Where it would be kept.</param>
    /// <param name="live">What would be.</param>
    /// <returns>Whether a copy shares its blocks with what it is of.</returns>
    /// <exception cref="IOException">It cannot be written there, or not be put back from there.</exception>
    public static async Task<bool> ProbeAsync(string shelf, IReadOnlyList<string> live, CancellationToken ct)
    {
        // A copy would be of the link only, and neither a link's target nor a disk can be renamed away.
        foreach (var folder in live)
        {
            if (new DirectoryInfo(folder).LinkTarget is { } target)
                throw new IOException($"{folder} is a link to {target}");
        }
        if (await MountedInAsync(live, ct) is { } mounted)
            throw new IOException($"another file system is mounted at {mounted}");
        Directory.CreateDirectory(shelf, OwnerOnly);
        var probe = Path.Combine(shelf, ".probe");
        var beside = live.Select(l => Path.Combine(Path.GetDirectoryName(l)!, ".appliance-probe")).ToList();
        try
        {
            // Of an agent that was killed.
            await RemoveAllAsync([probe, .. beside], ct);
            Make(probe);
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
            return CanExchange(live, incoming, outgoing);
        if (Directory.Exists(live))
        {
            Make(Path.GetDirectoryName(outgoing)!);
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

    /// <summary>Whether there is something to put there, or it was put there already.</summary>
    public static bool CanExchange(string live, string incoming, string outgoing) =>
        Directory.Exists(incoming) || Directory.Exists(live) && Directory.Exists(outgoing);

    public static void Make(string folder)
    {
        Directory.CreateDirectory(folder, OwnerOnly);
        DurableFolder.Flush(Path.GetDirectoryName(folder)!);
    }

    /// <summary>Removes a folder with all that is in it, if it is there.</summary>
    /// <exception cref="IOException">Something of it is left.</exception>
    public static Task RemoveAsync(string folder, CancellationToken ct) =>
        Coreutils.RunAsync("rm", ["--recursive", "--force", "--one-file-system", "--", folder], ct);

    /// <returns>The first mount point that one of the folders is, or has in it; null: there is none.</returns>
    private static async Task<string?> MountedInAsync(IReadOnlyList<string> folders, CancellationToken ct)
    {
        var real = (await Coreutils.RunAsync("realpath", ["--zero", "--", .. folders], ct))
            .Split('\0', StringSplitOptions.RemoveEmptyEntries)
            .ToHashSet();
        return (await File.ReadAllLinesAsync("/proc/self/mountinfo", ct))
            .Select(line => Unescaped(line.Split(' ')[4]))
            .FirstOrDefault(point => SelfAndAbove(point).Any(real.Contains));
    }

    private static IEnumerable<string> SelfAndAbove(string path)
    {
        for (var folder = path; folder is not null; folder = Path.GetDirectoryName(folder))
            yield return folder;
    }

    // The kernel writes a blank as \040, and so on.
    private static string Unescaped(string field) =>
        Regex.Replace(
            field,
            @"\\(?<octal>[0-7]{3})",
            m => ((char)Convert.ToInt32(m.Groups["octal"].Value, 8)).ToString(),
            RegexOptions.CultureInvariant,
            TimeSpan.FromSeconds(1)
        );

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
