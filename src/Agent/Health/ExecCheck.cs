using Appliance.Bundles.Compose;
using Appliance.Docker;

namespace Appliance.Agent.Health;

/// <summary>
/// Runs a command in the container; 0 is healthy. The engine has no call to end such a command: one that takes too long
/// counts as failed, and runs on until it ends by itself or with its container.
/// </summary>
internal sealed class ExecCheck(ExecProbe probe, string container, DockerEngine engine, TimeProvider clock) : IProbe
{
    private const int MaxOutput = 4096;

    public string Kind => "exec";

    public string Target => string.Join(' ', probe.Command);

    public async Task<ProbeResult> CheckAsync(CancellationToken ct)
    {
        var timeout = probe.Timing.Timeout;
        using var deadline = new CancellationTokenSource(timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        try
        {
            var result = await engine.Containers.ExecAsync(
                container,
                new ExecSpec { Command = probe.Command },
                MaxOutput,
                either.Token
            );
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
            return ProbeResult.Failed($"no end within {timeout.TotalSeconds:0.###} s");
        }
    }
}
