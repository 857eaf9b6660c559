using System.Text.RegularExpressions;

namespace Appliance.Tests.Disks;

/// <summary>An ext4 file system in a file, read without mounting it.</summary>
/// <param name="Path">The file.</param>
internal sealed partial record Ext4(string Path)
{
    /// <summary>
    /// Does what mounting it does after a power cut (the journal is replayed, files that were deleted while open are freed,
    /// free space is counted anew), and says what is wrong besides; null when nothing is.
    /// </summary>
    public async Task<string?> RecoverAsync(CancellationToken ct)
    {
        const int corrected = 1;
        var replay = await Tool.TryAsync("e2fsck", ["-y", "-E", "journal_only", Path], ct);
        if (replay.ExitCode is not 0 and not corrected)
            return replay.Text + replay.Errors;
        // What it would have to ask a person about is damage.
        var check = await Tool.TryAsync("e2fsck", ["-f", "-p", Path], ct);
        return check.ExitCode is 0 or corrected ? null : check.Text + check.Errors;
    }

    /// <summary>Whether its journal holds what its place does not: it was not unmounted.</summary>
    public bool NeedsRecovery
    {
        get
        {
            // s_feature_incompat of the superblock, and INCOMPAT_RECOVER in it.
            const int features = 1024 + 0x60;
            const byte recover = 0x04;
            using var file = File.OpenHandle(Path);
            Span<byte> flags = stackalloc byte[1];
            return RandomAccess.Read(file, flags, features) == 1 && (flags[0] & recover) != 0;
        }
    }

    /// <summary>Mends everything that can be mended, so that what is left can be read.</summary>
    public async Task MendAsync(CancellationToken ct)
    {
        const int worstMended = 3;
        var check = await Tool.TryAsync("e2fsck", ["-f", "-y", Path], ct);
        if (check.ExitCode > worstMended)
            throw check.Failure();
    }

    /// <summary>The bytes of a file; null when there is none at that path.</summary>
    public async Task<byte[]?> ReadAsync(string path, CancellationToken ct)
    {
        var copy = System.IO.Path.GetTempFileName();
        try
        {
            var dump = await DebugAsync($"dump {Quoted(path)} {Quoted(copy)}", ct);
            if (NotFound().IsMatch(dump.Errors))
                return null;
            // Part of a file is worse than none.
            return Complains(dump.Errors) ? throw dump.Failure() : await File.ReadAllBytesAsync(copy, ct);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    /// <summary>The names in a folder, without the two of every folder; null when there is none at that path.</summary>
    public async Task<IReadOnlyList<string>?> ListAsync(string path, CancellationToken ct)
    {
        // Lines of /inode/mode/owner/group/name/size/.
        var list = await DebugAsync($"ls -p {Quoted(path)}", ct);
        return NotFound().IsMatch(list.Errors)
            ? null
            :
            [
                .. list
                    .Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Select(line => line.Split('/'))
                    .Where(fields => fields.Length > 5 && fields[1] != "0" && fields[5] is not ("." or ".."))
                    .Select(fields => fields[5]),
            ];
    }

    /// <summary>Copies a folder with all below it into a folder of the host that exists.</summary>
    public async Task CopyFolderAsync(string path, string destination, CancellationToken ct)
    {
        var dump = await DebugAsync($"rdump {Quoted(path)} {Quoted(destination)}", ct);
        if (NotFound().IsMatch(dump.Errors))
            throw dump.Failure();
    }

    private Task<Tool> DebugAsync(string request, CancellationToken ct) =>
        Tool.RunAsync("debugfs", ["-R", request, Path], ct);

    private static string Quoted(string path) =>
        path.AsSpan().IndexOfAny('"', '\n') < 0
            ? $"\"{path}\""
            : throw new ArgumentException($"debugfs has no way to name {path}", nameof(path));

    // Whatever it says besides its name and version.
    private static bool Complains(string errors) =>
        errors
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Any(line => !line.StartsWith("debugfs ", StringComparison.Ordinal));

    // debugfs ends with 0 whatever happens, and says what did.
    [GeneratedRegex("File not found by ext2_lookup|No such file or directory", RegexOptions.NonBacktracking)]
    private static partial Regex NotFound();
}
