using System.Net.Sockets;
using Appliance.Testing;

namespace Agent.Cli.Tests;

/// <summary>What is left when `bundle` is told to end in the middle.</summary>
public sealed class InterruptedBundleTests(BundleTests.Signer signer) : IClassFixture<BundleTests.Signer>, IDisposable
{
    private readonly ScratchFolder scratch = new();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task Ctrl_C_at_the_passphrase_ends_it_and_gives_the_terminal_back()
    {
        await WriteComposeAsync();
        await using var shell = Appliancectl.StartShellOnTerminal(
            $"stty echo; trap : INT; {Appliancectl.Binary} {string.Join(' ', Create())}; echo ended with $?; stty -a"
        );
        await shell.StdoutShows(text => text.Contains("Passphrase of", StringComparison.Ordinal));
        shell.Press("\u0003");

        var run = await shell.EndAsync();

        Assert.Contains("ended with 130", run.Stdout, StringComparison.Ordinal);
        Assert.Matches(@"\secho\s", run.Stdout);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public async Task A_signal_in_the_middle_leaves_nothing_behind(string signal, int exitCode)
    {
        await WriteComposeAsync();
        // An engine that takes the call and never answers.
        using var engine = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        engine.Bind(new UnixDomainSocketEndPoint(scratch["engine.sock"]));
        engine.Listen();
        await using var create = Appliancectl.StartWith(
            [
                ("APPLIANCE_SIGNING_PASSPHRASE", BundleTests.Signer.Passphrase),
                ("DOCKER_HOST", $"unix://{scratch["engine.sock"]}"),
            ],
            Create()
        );
        using var call = await engine.AcceptAsync(stop);
        var spool = Assert.Single(Directory.GetDirectories(scratch.Path));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(spool)
            );

        var run = await create.SignalAsync(signal);

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains("Interrupted: no bundle was made.", run.Stderr, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(scratch.Path));
    }

    [Fact]
    public async Task What_waits_for_a_pipe_heeds_a_signal_and_leaves_nothing_behind()
    {
        await using var inspect = Appliancectl.StartWaiting([("TMPDIR", scratch.Path)], "bundle", "inspect", "-");
        await Eventually.TrueAsync(
            "the folder of the command is there",
            () => Directory.GetDirectories(scratch.Path).Length == 1,
            stop
        );

        var run = await inspect.SignalAsync("TERM");

        Assert.Equal(143, run.ExitCode);
        Assert.Empty(Directory.GetDirectories(scratch.Path));
    }

    [Fact]
    public async Task A_name_that_is_no_regular_file_is_refused()
    {
        await WriteComposeAsync();
        File.CreateSymbolicLink(scratch["x"], scratch["compose.yaml"]);
        var run = await Appliancectl.RunWithAsync(
            [("APPLIANCE_SIGNING_PASSPHRASE", BundleTests.Signer.Passphrase)],
            Create()
        );

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("is not a regular file", run.Stderr, StringComparison.Ordinal);
    }

    private string[] Create() =>
        ["bundle", "create", "--repository", signer.Folder, "--compose", scratch["compose.yaml"], "--to", scratch["x"]];

    private Task WriteComposeAsync() =>
        File.WriteAllTextAsync(
            scratch["compose.yaml"],
            "name: demo\nx-appliance: {version: \"3.0.0\"}\nservices:\n  web: {image: \"demo/absent:1\"}\n",
            stop
        );
}
