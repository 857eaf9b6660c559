using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;

namespace Appliance.Cli.Commands;

/// <summary>The agent that a release brings.</summary>
internal sealed class AgentOptions
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Option<string?> program = new("--agent")
    {
        Description = "An appliance-agent that takes over on the appliance before the release is switched to",
        HelpName = "FILE",
    };

    private readonly Option<string?> version = new("--agent-version")
    {
        Description = "Its version, where it does not run here to be asked for it",
        HelpName = "VERSION",
    };

    public void AddTo(Command command)
    {
        version.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(t => !ReleaseDescriptor.IsVersion(t.Value)))
                result.AddError($"--agent-version is as 1.0.0, not '{token.Value}'.");
        });
        command.Options.Add(program);
        command.Options.Add(version);
        command.Validators.Add(result =>
        {
            if (result.GetValue(version) is not null && result.GetValue(program) is null)
                result.AddError("--agent-version is of the agent that --agent names.");
        });
    }

    /// <summary>Makes an image of it, if one was given.</summary>
    /// <exception cref="RefusedException">It cannot be an agent, or does not say its version.</exception>
    public async Task<AgentImage?> AddAsync(
        ParseResult parse,
        Platform platform,
        BlobSpool spool,
        Session session,
        CancellationToken cancellationToken
    )
    {
        if (parse.GetValue(program) is not { } path)
            return null;
        var says = parse.GetValue(version) ?? await VersionOfAsync(path, session.Clock, cancellationToken);
        return await InputFile.Explained(
            path,
            () => AgentImage.AddAsync(path, SemanticVersion.TryParse(says)!, platform, spool, cancellationToken)
        );
    }

    private static async Task<string> VersionOfAsync(
        string path,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        using var deadline = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(Path.GetFullPath(path), ["--version"]) { RedirectStandardOutput = true }
            )!;
            try
            {
                var said = await process.StandardOutput.ReadLineAsync(either.Token) ?? "";
                await process.WaitForExitAsync(either.Token);
                if (said.Split(' ') is [AgentImage.FileName, var text] && ReleaseDescriptor.IsVersion(text))
                    return text;
            }
            finally
            {
                if (!process.HasExited)
                    process.Kill(entireProcessTree: true);
            }
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException)
        {
            throw new RefusedException(
                $"{path} cannot be asked for its version: {e.Message}; say it with --agent-version if it is for another machine",
                e
            );
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested) { }
        throw new RefusedException(
            $"{path} --version did not say \"{AgentImage.FileName} VERSION\": it is no appliance-agent; say --agent-version if it is all the same"
        );
    }
}
