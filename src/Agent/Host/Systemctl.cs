using System.ComponentModel;
using System.Diagnostics;

namespace Appliance.Agent.Host;

/// <summary>What the agent asks systemd to do. A D-Bus library would be a dependency for a handful of requests.</summary>
internal sealed class Systemctl(SystemdEnvironment environment, TimeProvider clock)
{
    /// <summary>Whether systemd runs this machine, as far as the agent is concerned: it has started the agent.</summary>
    public bool IsThere => environment.NotifySocket is { Length: > 0 };

    /// <summary>Runs it to its end.</summary>
    /// <returns>Null: it did what was asked. Otherwise what it said.</returns>
    public async Task<string?> RunAsync(TimeSpan patience, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, ct);
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo("systemctl", arguments)
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                }
            )!;
            var said = process.StandardError.ReadToEndAsync(either.Token);
            await process.StandardOutput.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            return process.ExitCode == 0
                ? null
                : $"systemctl ended with {process.ExitCode}: {(await said).ReplaceLineEndings(" ").Trim()}";
        }
        catch (Win32Exception e)
        {
            return $"systemctl cannot be run: {e.Message}";
        }
        // What it has asked for goes on without it.
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return $"systemctl has not ended within {patience.TotalSeconds:0} s";
        }
    }
}
