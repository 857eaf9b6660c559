using System.Diagnostics;
using System.Text;

namespace Agent.Cli.Tests;

/// <summary>The binary that was built, run as its users run it.</summary>
internal sealed class Appliancectl : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process process;
    private readonly Captured stdout;
    private readonly Captured stderr;

    private Appliancectl(ProcessStartInfo start, bool typesLater = false)
    {
        process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start");
        if (!typesLater)
            process.StandardInput.Close();
        stdout = new(process.StandardOutput);
        stderr = new(process.StandardError);
    }

    /// <summary>
    /// As published, where <c>test.sh</c> has done that; else beside the tests' own folder: bin/Agent.Cli.Tests/debug,
    /// bin/Agent.Cli/debug.
    /// </summary>
    public static string Binary { get; } =
        Path.GetFullPath(
            Path.Combine(
                Environment.GetEnvironmentVariable("APPLIANCE_TEST_PROGRAMS")
                    ?? Path.Combine(
                        AppContext.BaseDirectory,
                        "../../Agent.Cli",
                        Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory))
                    ),
                "appliancectl"
            )
        );

    public static Appliancectl Start(string socket, params string[] arguments) =>
        new(Command(Binary, arguments, ("APPLIANCE_SOCKET", socket)));

    /// <summary>In a shell, with its output going into another command.</summary>
    public static Appliancectl StartPipeline(string socket, string arguments, string reader) =>
        new(Command("sh", ["-c", $"{Binary} {arguments} | {reader}"], ("APPLIANCE_SOCKET", socket)));

    /// <summary>In a shell, with its output going into a pipe whose reader has ended; what is left is standard error.</summary>
    public static Task<Outcome> RunWithoutReaderAsync(string arguments) =>
        new Appliancectl(
            Command("bash", ["-c", $"exec 3> >(:); wait $!; exec >&3; exec {Binary} {arguments}"], [])
        ).EndAsync();

    /// <summary>With variables set, or unset where the value is null.</summary>
    public static Task<Outcome> RunWithAsync((string Name, string? Value)[] environment, params string[] arguments) =>
        new Appliancectl(Command(Binary, arguments, environment)).EndAsync();

    public static Task<Outcome> RunAsync(string socket, params string[] arguments) =>
        Start(socket, arguments).EndAsync();

    /// <summary>On a terminal 80 columns wide, which `script` makes.</summary>
    public static Task<Outcome> RunOnTerminalAsync(
        string socket,
        (string Name, string? Value)[] environment,
        params string[] arguments
    ) => new Appliancectl(Terminal(socket, environment, arguments)).EndAsync();

    /// <summary>On a terminal where somebody will <see cref="Type"/>.</summary>
    public static Appliancectl StartOnTerminal(string socket, params string[] arguments) =>
        new(Terminal(socket, [], arguments), typesLater: true);

    /// <summary>A shell on a terminal where somebody will <see cref="Type"/>.</summary>
    public static Appliancectl StartShellOnTerminal(string script) =>
        new(
            Command(
                "script",
                ["--quiet", "--return", "--echo", "never", "--command", script, "/dev/null"],
                [("TERM", "xterm"), ("APPLIANCE_SIGNING_PASSPHRASE", null)]
            ),
            typesLater: true
        );

    public static Appliancectl StartWith((string Name, string? Value)[] environment, params string[] arguments) =>
        new(Command(Binary, arguments, environment));

    /// <summary>With an input into which nothing is written.</summary>
    public static Appliancectl StartWaiting((string Name, string? Value)[] environment, params string[] arguments) =>
        new(Command(Binary, arguments, environment), typesLater: true);

    /// <summary>On a terminal, with a line typed in answer to each prompt.</summary>
    public static async Task<Outcome> TypeOnTerminalAsync(string[] prompts, string[] lines, params string[] arguments)
    {
        var line = $"exec {Binary} {string.Join(' ', arguments)}";
        await using var run = new Appliancectl(
            Command(
                "script",
                ["--quiet", "--return", "--echo", "never", "--command", line, "/dev/null"],
                [("TERM", "xterm"), ("APPLIANCE_SIGNING_PASSPHRASE", null)]
            ),
            typesLater: true
        );
        foreach (var (prompt, typed) in prompts.Zip(lines))
        {
            await run.StdoutShows(text => text.Contains(prompt, StringComparison.Ordinal));
            await run.process.StandardInput.WriteLineAsync(typed);
            await run.process.StandardInput.FlushAsync();
        }
        return await run.EndAsync();
    }

    /// <summary>As one whom modes keep out.</summary>
    public static Task<Outcome> RunWithoutPrivilegesAsync(string socket, params string[] arguments)
    {
        // A root without capabilities is held to modes as anybody else is, and yet reads the program wherever it lies;
        // anybody else is locked out by the socket's mode as he is.
        var (program, first) = Environment.IsPrivilegedProcess
            ? ("setpriv", ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", Binary])
            : (Binary, Array.Empty<string>());
        return new Appliancectl(
            Command(program, [.. first, .. arguments], ("APPLIANCE_SOCKET", socket), ("HOME", "/nonexistent"))
        ).EndAsync();
    }

    /// <summary>Types, and then leaves the keyboard.</summary>
    public void Type(string keys)
    {
        process.StandardInput.Write(keys);
        process.StandardInput.Close();
    }

    /// <summary>Types, and stays.</summary>
    public void Press(string keys)
    {
        process.StandardInput.Write(keys);
        process.StandardInput.Flush();
    }

    public Task StdoutShows(Func<string, bool> condition) => stdout.Until(condition, Patience);

    public Task StderrShows(Func<string, bool> condition) => stderr.Until(condition, Patience);

    public string Stdout => stdout.Text;

    public string Stderr => stderr.Text;

    /// <summary>As Ctrl-C does.</summary>
    public Task<Outcome> InterruptAsync() => SignalAsync("INT");

    public async Task<Outcome> SignalAsync(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process.Id}"]);
        return await EndAsync();
    }

    public async Task<Outcome> EndAsync()
    {
        using var deadline = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(deadline.Token);
        return new(process.ExitCode, await stdout.All, await stderr.All);
    }

    public ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        process.Dispose();
        return ValueTask.CompletedTask;
    }

    private static ProcessStartInfo Terminal(
        string socket,
        (string Name, string? Value)[] environment,
        string[] arguments
    )
    {
        var line = $"stty cols 80; exec {Binary} {string.Join(' ', arguments)}";
        return Command(
            "script",
            ["--quiet", "--return", "--echo", "never", "--command", line, "/dev/null"],
            [("APPLIANCE_SOCKET", socket), ("TERM", "xterm"), .. environment]
        );
    }

    private static ProcessStartInfo Command(
        string program,
        IEnumerable<string> arguments,
        params (string Name, string? Value)[] environment
    )
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["TZ"] = "UTC";
        start.Environment.Remove("NO_COLOR");
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return start;
    }

    internal sealed record Outcome(int ExitCode, string Stdout, string Stderr);

    /// <summary>What a stream has carried so far, and a way to wait for more.</summary>
    private sealed class Captured
    {
        private readonly StringBuilder text = new();
        private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Captured(StreamReader reader) => All = ReadAsync(reader);

        public Task<string> All { get; }

        public string Text
        {
            get
            {
                lock (text)
                    return text.ToString();
            }
        }

        public async Task Until(Func<string, bool> condition, TimeSpan patience)
        {
            using var deadline = new CancellationTokenSource(patience);
            while (true)
            {
                Task more;
                lock (text)
                {
                    if (condition(text.ToString()))
                        return;
                    more = changed.Task;
                }
                if (All.IsCompleted)
                    Assert.Fail($"The stream ended with: {Text}");
                try
                {
                    await Task.WhenAny(more, All).WaitAsync(deadline.Token);
                }
                catch (OperationCanceledException)
                {
                    Assert.Fail($"Not shown within {patience}; so far: {Text}");
                }
            }
        }

        private async Task<string> ReadAsync(StreamReader reader)
        {
            var buffer = new char[4096];
            try
            {
                while (await reader.ReadAsync(buffer) is > 0 and var n)
                {
                    lock (text)
                    {
                        text.Append(buffer, 0, n);
                        changed.SetResult();
                        changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
                    }
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // A test closed it.
            }
            return Text;
        }
    }
}
