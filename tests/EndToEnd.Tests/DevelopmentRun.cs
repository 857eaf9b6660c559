using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Appliance.EndToEnd;

/// <summary>
/// What ./up.sh brings up and ./down.sh takes away, in a folder of its own, so that a developer's own run goes on beside.
/// </summary>
internal sealed partial class DevelopmentRun : IAsyncDisposable
{
    private readonly HttpClient browser = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly string? givenEngine;

    /// <summary>A run on an engine of its own, or on the one at <paramref name="givenEngine"/>.</summary>
    public DevelopmentRun(string? givenEngine = null)
    {
        this.givenEngine = givenEngine;
        // Short, as the engine keeps its sockets in it.
        Folder = Directory.CreateTempSubdirectory("e2e-").FullName;
    }

    /// <summary>The root of the repository, found from where the tests were built.</summary>
    public static string Root { get; } = FindRoot();

    public string Folder { get; }

    public string AgentSocket => Path.Combine(Folder, "agent.sock");

    public string Engine => givenEngine ?? $"unix://{Folder}/docker.sock";

    private Dictionary<string, string?> Environment =>
        new()
        {
            ["APPLIANCE_RUN_DIR"] = Folder,
            ["APPLIANCE_OWN_ENGINE"] = givenEngine is null ? "1" : null,
            ["APPLIANCE_SOCKET"] = null,
            ["DOCKER_HOST"] = givenEngine,
        };

    public Task<Command> UpAsync(CancellationToken cancellationToken) => ScriptAsync("up.sh", [], cancellationToken);

    public Task<Command> DownAsync(string[] arguments, CancellationToken cancellationToken) =>
        ScriptAsync("down.sh", arguments, cancellationToken);

    /// <summary>Runs Docker's command against the engine of this run.</summary>
    public async Task<Command> DockerAsync(string[] arguments, CancellationToken cancellationToken) =>
        (
            await Command.RunAsync(
                "docker",
                arguments,
                new Dictionary<string, string?> { ["DOCKER_HOST"] = Engine },
                cancellationToken
            )
        ).Succeeded();

    /// <summary>Runs the published appliancectl against the agent of this run.</summary>
    public Task<Command> ControlAsync(string[] arguments, CancellationToken cancellationToken) =>
        Command.RunAsync(
            Path.Combine(Root, "artifacts/bin/appliancectl"),
            arguments,
            new Dictionary<string, string?> { ["APPLIANCE_SOCKET"] = AgentSocket },
            cancellationToken
        );

    /// <summary>The ids of the demo's containers, by name.</summary>
    public async Task<SortedDictionary<string, string>> ContainersAsync(CancellationToken cancellationToken)
    {
        var listed = await DockerAsync(
            [
                "container",
                "ls",
                "--all",
                "--no-trunc",
                "--filter",
                "label=appliance.project=demo",
                "--format",
                "{{.Names}}={{.ID}}",
            ],
            cancellationToken
        );
        return new(listed.Words.Select(w => w.Split('=')).ToDictionary(w => w[0], w => w[1]), StringComparer.Ordinal);
    }

    /// <summary>Loads the page once, which counts as a visit; null while it does not answer as it should.</summary>
    public async Task<Page?> VisitAsync(Uri url, CancellationToken cancellationToken)
    {
        try
        {
            return Page.Parse(await browser.GetStringAsync(url, cancellationToken));
        }
        catch (HttpRequestException)
        {
            return null;
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>The first URL that a script printed.</summary>
    public static Uri FirstUrl(Command command) => new(Url().Match(command.Output).Value);

    /// <summary>Ends a process of this run, known by its pid file, as a crash would: no handler of its own runs.</summary>
    public void Kill(string pidFile)
    {
        var pid = File.ReadAllText(Path.Combine(Folder, pidFile)).Split(' ')[0];
        using var process = Process.GetProcessById(int.Parse(pid, CultureInfo.InvariantCulture));
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>
    /// Starts an agent on this run's state with no capability at all, as its systemd unit does.
    /// </summary>
    public Process StartAgent()
    {
        string[] agent =
        [
            "--bounding-set=-all",
            "--no-new-privs",
            Path.Combine(Root, "artifacts/bin/appliance-agent"),
            "--data",
            Path.Combine(Folder, "data"),
            "--socket",
            AgentSocket,
            "--docker",
            Engine,
            "--config",
            Path.Combine(Folder, "agent.yaml"),
        ];
        var start = new ProcessStartInfo("setpriv", agent);
        foreach (var setting in File.ReadLines(Path.Combine(Folder, "agent.env")).Select(l => l.Split('=', 2)))
            start.Environment[setting[0]] = setting[1];
        return Process.Start(start) ?? throw new InvalidOperationException("setpriv did not start");
    }

    /// <summary>The command lines of processes that still belong to this run.</summary>
    public string[] Processes() =>
        [
            .. Directory
                .EnumerateDirectories("/proc")
                .Where(p => int.TryParse(Path.GetFileName(p), CultureInfo.InvariantCulture, out _))
                .Select(CommandLine)
                .Where(c => c.Contains(Folder, StringComparison.Ordinal)),
        ];

    /// <summary>The mounts that still belong to this run.</summary>
    public string[] Mounts() =>
        [.. File.ReadLines("/proc/self/mountinfo").Where(m => m.Contains(Folder, StringComparison.Ordinal))];

    public async ValueTask DisposeAsync()
    {
        browser.Dispose();
        // A test that was cancelled leaves nothing behind either.
        if (Directory.Exists(Folder))
            (await DownAsync([], CancellationToken.None)).Succeeded();
    }

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText($"{process}/cmdline").Replace('\0', ' ');
        }
        catch (IOException)
        {
            return "";
        }
    }

    private Task<Command> ScriptAsync(string name, string[] arguments, CancellationToken cancellationToken) =>
        Command.RunAsync(Path.Combine(Root, name), arguments, Environment, cancellationToken);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Agent.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("the tests run outside of their repository");
        return folder.FullName;
    }

    [GeneratedRegex(@"https?://\S+", RegexOptions.NonBacktracking)]
    private static partial Regex Url();
}

/// <summary>What the demo's page says.</summary>
internal sealed partial record Page(string Version, long Visits)
{
    public static Page Parse(string html) =>
        new(
            VersionText().Match(html).Groups["version"].Value,
            long.Parse(VisitsText().Match(html).Groups["visits"].Value, CultureInfo.InvariantCulture)
        );

    [GeneratedRegex(@"version (?<version>[0-9A-Za-z._-]+)", RegexOptions.NonBacktracking)]
    private static partial Regex VersionText();

    [GeneratedRegex(@"visits: (?<visits>[0-9]+)", RegexOptions.NonBacktracking)]
    private static partial Regex VisitsText();
}
