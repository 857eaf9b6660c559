using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Appliance.Agent.Host;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Host;

/// <summary>The guardian as the unit calls it, with programs in the place of agents.</summary>
public sealed class GuardianTests : IDisposable
{
    /// <summary>Where the guardian is in the sources.</summary>
    public static readonly string Program = Path.Combine(
        RepositoryRoot(),
        "appliance/image/rootfs/usr/libexec/appliance/agent-guardian"
    );

    // Says who runs, and with what, and ends.
    private const string Says = "#!/bin/sh\necho \"$APPLIANCE_AGENT_NAME $*\"\n";

    private readonly ScratchFolder folder = new();
    private readonly string system;

    public GuardianTests()
    {
        system = Write(folder["system"], Says);
        Directory.CreateDirectory(Versions);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Versions => folder["versions"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Where_no_release_has_brought_one_the_agent_of_the_system_runs()
    {
        Directory.Delete(Versions);
        Assert.Equal("system --data x y", await StartAsync("--data", "x y"));
        Directory.CreateDirectory(Versions);
        Assert.Equal("system ", await StartAsync());
        Assert.Empty(Directory.GetFileSystemEntries(Versions));
    }

    [Fact]
    public async Task One_that_has_reported_runs_however_often_it_is_started()
    {
        var name = Place(Says);
        Choose(name);
        Report(name);
        for (var start = 0; start < 5; start++)
        {
            Assert.Equal($"{name} ", await StartAsync());
            Assert.True(File.Exists(At("attempts")));
            Report(name);
            Assert.False(File.Exists(At("attempts")));
        }
    }

    [Fact]
    public async Task One_that_reported_once_and_does_no_more_is_gone_back_from_after_ten_starts()
    {
        var (before, name) = (Place(Says + "# before\n"), Place(Says));
        Report(before);
        Choose(name);
        Report(name);
        for (var start = 0; start < 10; start++)
            Assert.Equal($"{name} ", await StartAsync());
        Assert.Equal($"{before} ", await StartAsync());
        Assert.NotNull(new AgentVersions(Versions, before).RefusalOf(name));
    }

    [Fact]
    public async Task One_that_was_gone_back_from_is_started_again_when_it_is_chosen_again()
    {
        var name = Place(Says);
        Choose(name);
        for (var start = 0; start < 3; start++)
            await StartAsync();
        Assert.Equal("system ", await StartAsync());
        new AgentVersions(Versions, "system").ForgetRefusal();
        Choose(name);
        Assert.Equal($"{name} ", await StartAsync());
        Assert.Null(new AgentVersions(Versions, name).RefusalOf(name));
    }

    [Fact]
    public async Task Where_the_one_before_is_damaged_the_agent_of_the_system_runs_and_is_left_alone()
    {
        var (before, name) = (Place(Says + "# before\n"), Place(Says));
        Report(before);
        Choose(name);
        File.AppendAllText(At(before), "# damage\n");
        File.Delete(At(name));
        Write(system, "#!/bin/sh\nread -r line\necho \"$line\"\n");
        using var running = Start([], seconds: 1);
        var since = TimeProvider.System.GetTimestamp();
        await Eventually.TrueAsync(
            "a time that it would have had is up",
            () => TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromSeconds(3),
            Ct
        );
        Assert.False(running.HasExited);
        await running.StandardInput.WriteLineAsync("well");
        Assert.Equal("well", await running.StandardOutput.ReadLineAsync(Ct));
        Assert.NotNull(new AgentVersions(Versions, "").RefusalOf(name));
    }

    [Fact]
    public async Task One_that_never_reports_is_started_three_times_and_then_gone_back_from()
    {
        var (before, name) = (Place(Says + "# before\n"), Place(Says));
        Report(before);
        Choose(name);
        for (var start = 0; start < 3; start++)
            Assert.Equal($"{name} ", await StartAsync());
        Assert.Equal($"{before} ", await StartAsync());
        Assert.Equal(before, new FileInfo(At("current")).LinkTarget);
        Assert.Equal(
            "it was started 3 times, and did not report that it is well",
            new AgentVersions(Versions, before).RefusalOf(name)
        );
        Assert.Null(new AgentVersions(Versions, before).RefusalOf(before));
        Assert.Equal($"{before} ", await StartAsync());
    }

    [Fact]
    public async Task One_that_hangs_is_ended_when_its_time_is_up()
    {
        var name = Place("#!/bin/sh\nexec sleep 1000\n");
        Choose(name);
        using var hanging = Start([], seconds: 1);
        await hanging.WaitForExitAsync(Ct);
        Assert.Equal(128 + 9, hanging.ExitCode);
        Assert.Equal("it did not report within 1 s that it is well", new AgentVersions(Versions, "").RefusalOf(name));
        Assert.Equal("system ", await StartAsync());
    }

    [Fact]
    public async Task One_that_reports_in_time_is_left_alone()
    {
        var name = Place("#!/bin/sh\nread -r line\necho \"$line\"\n");
        Choose(name);
        using var running = Start([], seconds: 2);
        new AgentVersions(Versions, name).ReportHealthy();
        var limit = TimeProvider.System.GetTimestamp();
        await Eventually.TrueAsync(
            "its time would be up",
            () => TimeProvider.System.GetElapsedTime(limit) > TimeSpan.FromSeconds(4),
            Ct
        );
        Assert.False(running.HasExited);
        await running.StandardInput.WriteLineAsync("well");
        Assert.Equal("well", await running.StandardOutput.ReadLineAsync(Ct));
        await running.WaitForExitAsync(Ct);
    }

    [Theory]
    [InlineData("changed")]
    [InlineData("gone")]
    [InlineData("not executable")]
    public async Task One_whose_file_is_not_what_was_signed_for_never_runs(string harm)
    {
        var name = Place(Says);
        Choose(name);
        Report(name);
        if (harm == "changed")
            File.AppendAllText(At(name), "# more\n");
        else if (harm == "gone")
            File.Delete(At(name));
        else
            File.SetUnixFileMode(At(name), UnixFileMode.UserRead);
        Assert.Equal("system ", await StartAsync());
        Assert.StartsWith(
            "its file is missing",
            new AgentVersions(Versions, "").RefusalOf(name),
            StringComparison.Ordinal
        );
        Assert.False(Path.Exists(At("current")));
    }

    [Fact]
    public async Task Whatever_its_files_say_something_runs()
    {
        var sound = Place(Says);
        string[] words =
        [
            "",
            "\n",
            sound,
            $"{sound} 2",
            $"{sound} 99999999999",
            "system",
            "../system",
            "\0\u0001",
            "x y z",
        ];
        var random = new Random(4711);
        for (var round = 0; round < 60; round++)
        {
            foreach (var file in (string[])["healthy", "attempts", "refused", "current"])
            {
                if (Path.Exists(At(file)) || new FileInfo(At(file)).LinkTarget is not null)
                    File.Delete(At(file));
                var word = words[random.Next(words.Length)];
                if (random.Next(4) == 0)
                    continue;
                if (file == "current" && word.Length > 0 && !word.Contains('\0', StringComparison.Ordinal))
                    File.CreateSymbolicLink(At(file), word);
                else
                    File.WriteAllText(At(file), random.Next(2) == 0 ? word : word + "\n");
            }
            var said = await StartAsync();
            Assert.Contains(said, (string[])["system ", $"{sound} "]);
        }
    }

    [Fact]
    public async Task Killed_at_any_of_its_steps_the_next_starts_go_back_all_the_same()
    {
        // What it calls, so that it can be killed right before or after.
        string[] calls = ["mv", "sync", "ln", "rm", "sha256sum", "readlink", "sed"];
        Directory.CreateDirectory(folder["shims"]);
        foreach (var call in calls)
            Write(
                folder[$"shims/{call}"],
                $$"""
                #!/bin/sh
                n=$(($(cat "{{folder["count"]}}") + 1))
                echo $n >"{{folder["count"]}}"
                [ "$n" != "$KILL_BEFORE" ] || kill -KILL "$GUARDIAN"
                "$(PATH=/usr/bin:/bin command -v {{call}})" "$@"
                status=$?
                [ "$n" != "$KILL_AFTER" ] || kill -KILL "$GUARDIAN"
                exit $status
                """
            );
        var kills = 0;
        for (var at = 1; ; at++)
        {
            var reached = 0;
            foreach (var side in (string[])["KILL_BEFORE", "KILL_AFTER"])
            {
                Directory.Delete(Versions, recursive: true);
                Directory.CreateDirectory(Versions);
                var (before, name) = (Place(Says + "# before\n"), Place(Says));
                Report(before);
                Choose(name);
                // One start from going back, where it has most to do.
                File.WriteAllText(At("attempts"), $"{name} 3\n");
                File.WriteAllText(folder["count"], "0");
                using var killed = Start(
                    [],
                    environment: ("PATH", $"{folder["shims"]}:/usr/bin:/bin"),
                    kill: (side, at)
                );
                await killed.WaitForExitAsync(Ct);
                reached = int.Parse(File.ReadAllText(folder["count"]), CultureInfo.InvariantCulture);
                if (killed.ExitCode == 128 + 9)
                    kills++;
                Assert.Equal($"{before} ", await StartAsync());
                Assert.Equal(before, new FileInfo(At("current")).LinkTarget);
                Assert.NotNull(new AgentVersions(Versions, before).RefusalOf(name));
            }
            if (reached < at)
                break;
        }
        Assert.InRange(kills, 10, 100);
    }

    private static string RepositoryRoot()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Agent.sln")))
            root = Path.GetDirectoryName(root)!;
        return root;
    }

    private static string Write(string path, string text)
    {
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private string At(string file) => Path.Combine(Versions, file);

    private string Place(string text)
    {
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        Write(At(name), text);
        return name;
    }

    private void Choose(string name) => new AgentVersions(Versions, "").Choose(name);

    private void Report(string name) => new AgentVersions(Versions, name).ReportHealthy();

    private async Task<string> StartAsync(params string[] arguments)
    {
        using var started = Start(arguments);
        var said = await started.StandardOutput.ReadLineAsync(Ct);
        await started.WaitForExitAsync(Ct);
        return said ?? "";
    }

    private Process Start(
        string[] arguments,
        int seconds = 30,
        (string Name, string Value)? environment = null,
        (string Side, int At)? kill = null
    )
    {
        // By a shell that becomes it, so that what is called knows whom to kill.
        var start = new ProcessStartInfo(
            "sh",
            ["-c", "export GUARDIAN=$$; exec \"$@\"", "sh", Program, Versions, system, .. arguments]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["GUARDIAN_SECONDS"] = seconds.ToString(CultureInfo.InvariantCulture) },
        };
        if (environment is { } variable)
            start.Environment[variable.Name] = variable.Value;
        if (kill is { } place)
            start.Environment[place.Side] = place.At.ToString(CultureInfo.InvariantCulture);
        return Process.Start(start)!;
    }
}
