using Appliance.Bundles.Compose;
using Appliance.Docker;

namespace Appliance.Agent.Health;

/// <summary>
/// Runs a command in the container; 0 is healthy. The engine has no call to end such a command: one that takes too long
/// counts as failed, and runs on until it ends by itself or with its container. Until then there is no other: one that hangs
/// would leave a process in the container with each check.
/// </summary>
internal sealed class ExecCheck(ExecProbe probe, string container, DockerEngine engine, TimeProvider clock) : IProbe
{
    private const int MaxOutput = 4096;

    // The command that was not seen to end; null: there is none.
    private string? open;

    public string Kind => "exec";

    public string Target => string.Join(' ', probe.Command);

    public async Task<ProbeResult> CheckAsync(CancellationToken ct)
    {
        var timeout = probe.Timing.Timeout;
        using var deadline = new CancellationTokenSource(timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        try
        {
            if (open is not null && await IsRunningAsync(open, either.Token))
                return ProbeResult.Late("the command of an earlier check has not ended");
            open = await engine.Containers.CreateExecAsync(
                container,
                new ExecSpec { Command = probe.Command },
                either.Token
            );
            var result = await engine.Containers.RunExecAsync(open, MaxOutput, either.Token);
            open = null;
            var output = $"{result.Stdout} {result.Stderr}".Trim();
            return result.ExitCode == 0
                ? ProbeResult.Ok(output)
                : ProbeResult.Failed(
                    output.Length > 0 ? $"exit code {result.ExitCode}: {output}" : $"exit code {result.ExitCode}"
                );
        }
        catch (Exception e) when (e is DockerEngineException or EngineUnavailableException)
        {
            return ProbeResult.Failed(e.Message);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return ProbeResult.Late($"no end within {timeout.TotalSeconds:0.###} s");
        }
    }

    private async Task<bool> IsRunningAsync(string execId, CancellationToken ct)
    {
        try
        {
            return (await engine.Containers.InspectExecAsync(execId, ct)).Running;
        }
        catch (EngineNotFoundException)
        {
            // The engine has forgotten it, as it does some time after its end.
            return false;
        }
    }
}
