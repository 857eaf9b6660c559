using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Host;

/// <summary>
/// The versions of the agent that came with releases, side by side, and the files by which the guardian that starts the agent
/// is told which is to run (<c>agent-guardian</c>, decision 0021).
/// </summary>
/// <param name="folder">Where they are; null: no guardian has started this agent.</param>
/// <param name="running">What it has started.</param>
internal sealed class AgentVersions(string? folder, string running)
{
    /// <summary>The agent of the system itself, as the guardian calls it.</summary>
    public const string OfSystem = "system";

    private const string Draft = ".part";
    private const string Link = "current";
    private const string Healthy = "healthy";
    private const string Before = "before";
    private const string Attempts = "attempts";
    private const string Refused = "refused";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserExecute;

    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");

    private readonly Lazy<string> ofOwn = new(() =>
    {
        using var own = File.OpenRead(Environment.ProcessPath!);
        return Convert.ToHexStringLower(SHA256.HashData(own));
    });

    /// <summary>Whether there is a guardian: without one nobody would go back from a version that is not well.</summary>
    public bool IsGuarded => folder is not null;

    /// <summary>Which one this is: the SHA-256 of its executable, in hexadecimal, or <see cref="OfSystem"/>.</summary>
    public string Running => running;

    private string Folder => folder ?? throw new InvalidOperationException("there is no guardian");

    /// <summary>Whether a version is the one that runs; the system's own may be one that also came with a release.</summary>
    /// <exception cref="IOException">The executable cannot be read.</exception>
    public bool Is(string name) => name == running || (running == OfSystem && name == ofOwn.Value);

    /// <summary>Whether a version is here.</summary>
    public bool Has(string name) => File.Exists(Path.Combine(Folder, name));

    /// <summary>As the guardian has said it.</summary>
    public static AgentVersions Of(Func<string, string?> variable) =>
        variable("APPLIANCE_AGENT_VERSIONS") is { Length: > 0 } folder
            ? new AgentVersions(folder, variable("APPLIANCE_AGENT_NAME") ?? OfSystem)
            : new AgentVersions(null, OfSystem);

    /// <summary>Why the guardian went back from a version; null: it did not.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public string? RefusalOf(string name)
    {
        var path = Path.Combine(Folder, Refused);
        return
            File.Exists(path)
            && File.ReadAllText(path).Trim() is var text
            && text.StartsWith(name + " ", StringComparison.Ordinal)
            ? text[(name.Length + 1)..]
            : null;
    }

    /// <summary>It is to be tried again.</summary>
    /// <exception cref="IOException">The refusal cannot be removed.</exception>
    public void ForgetRefusal()
    {
        if (!Directory.Exists(Folder))
            return;
        // Its starts first: counted further, it would be gone back from before it is started once.
        File.Delete(Path.Combine(Folder, Attempts));
        File.Delete(Path.Combine(Folder, Refused));
        DurableFolder.Flush(Folder);
    }

    /// <summary>Whether a version is here, and what it was when it was signed.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public async Task<bool> IsSoundAsync(string name, CancellationToken ct)
    {
        if (!Has(name))
            return false;
        await using var file = File.OpenRead(Path.Combine(Folder, name));
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, ct)) == name;
    }

    /// <summary>Puts an executable beside the others, on the disk and under its name; one that is there is made anew.</summary>
    /// <param name="write">Is given the file; what it throws leaves nothing behind.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public async Task PlaceAsync(string name, Func<Stream, Task> write)
    {
        Directory.CreateDirectory(Folder, OwnerOnly);
        var draft = Path.Combine(Folder, name + Draft);
        try
        {
            // One that is there belongs to a start that was cut short.
            File.Delete(draft);
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = OwnerOnly,
            };
            await using (var file = new FileStream(draft, options))
            {
                await write(file);
                file.Flush(flushToDisk: true);
            }
            File.SetUnixFileMode(draft, Executable);
            Failpoint.Before(Failpoint.PlaceAgent);
            File.Move(draft, Path.Combine(Folder, name), overwrite: true);
            DurableFolder.Flush(Folder);
            Failpoint.After(Failpoint.PlaceAgent);
        }
        catch
        {
            File.Delete(draft);
            throw;
        }
    }

    /// <summary>Says which one is to run from the next start on.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Choose(string name)
    {
        var link = Path.Combine(Folder, Link);
        Failpoint.Before(Failpoint.ChooseAgent);
        if (name == OfSystem)
        {
            File.Delete(link);
        }
        else
        {
            var draft = link + Draft;
            File.Delete(draft);
            File.CreateSymbolicLink(draft, name);
            File.Move(draft, link, overwrite: true);
        }
        DurableFolder.Flush(Folder);
        Failpoint.After(Failpoint.ChooseAgent);
    }

    /// <summary>Tells the guardian that the one that runs is well: it need not be gone back from.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void ReportHealthy()
    {
        Directory.CreateDirectory(Folder, OwnerOnly);
        var last = NameIn(Healthy);
        if (last != running)
        {
            Failpoint.Before(Failpoint.ReportAgent);
            Write(Before, last);
            Write(Healthy, running);
            Failpoint.After(Failpoint.ReportAgent);
        }
        if (!File.Exists(Path.Combine(Folder, Attempts)))
            return;
        File.Delete(Path.Combine(Folder, Attempts));
        DurableFolder.Flush(Folder);
    }

    /// <summary>Removes those that are neither among the given ones, nor running, nor chosen, nor what is gone back to.</summary>
    /// <exception cref="IOException">One cannot be removed.</exception>
    public void Collect(IReadOnlySet<string> keep)
    {
        if (folder is null || !Directory.Exists(folder))
            return;
        var kept = new HashSet<string>(keep)
        {
            running,
            new FileInfo(Path.Combine(folder, Link)).LinkTarget ?? OfSystem,
            NameIn(Healthy),
            NameIn(Before),
        };
        foreach (var file in Directory.EnumerateFiles(folder).Where(f => IsVersion(Path.GetFileName(f))).ToList())
        {
            if (!kept.Contains(Path.GetFileName(file)))
                File.Delete(file);
        }
    }

    private string NameIn(string file) =>
        Path.Combine(Folder, file) is var path && File.Exists(path) ? File.ReadAllText(path).Trim() : OfSystem;

    private void Write(string file, string name)
    {
        var path = Path.Combine(Folder, file);
        var draft = path + Draft;
        using (var written = new FileStream(draft, FileMode.Create, FileAccess.Write))
        {
            written.Write(Encoding.ASCII.GetBytes(name + "\n"));
            written.Flush(flushToDisk: true);
        }
        File.Move(draft, path, overwrite: true);
        DurableFolder.Flush(Folder);
    }

    // Or the beginning of one.
    private static bool IsVersion(string file) =>
        file.Length >= 64 && file.AsSpan(0, 64).IndexOfAnyExcept(Hexadecimal) < 0;
}
