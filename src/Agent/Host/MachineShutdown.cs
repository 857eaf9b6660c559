using System.ComponentModel;
using System.Diagnostics;

namespace Appliance.Agent.Host;

/// <summary>
/// Tells the two ends of the agent apart: alone, as for an upgrade of it, or with the machine. Only systemd knows which;
/// it is asked once, when the agent is told to end.
/// </summary>
internal sealed class MachineShutdown
{
    // It answers within milliseconds, on a busy machine that goes down within seconds; one that does not must not hold up
    // the end of the agent.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    private readonly IHostApplicationLifetime lifetime;
    private readonly TimeProvider clock;
    private readonly ILogger<MachineShutdown> log;
    private readonly Lazy<Task<bool>> answer;

    public MachineShutdown(
        SystemdEnvironment environment,
        IHostApplicationLifetime lifetime,
        TimeProvider clock,
        ILogger<MachineShutdown> log
    )
    {
        (this.lifetime, this.clock, this.log) = (lifetime, clock, log);
        // Who was not started by systemd is not ended by it either.
        var bySystemd = environment.NotifySocket is { Length: > 0 };
        answer = new(() => bySystemd ? Task.Run(AskAsync) : Task.FromResult(false));
        lifetime.ApplicationStopping.Register(() => _ = answer.Value);
    }

    /// <summary>
    /// False for as long as the agent is to run, and when it ends alone. Once it is told to end, waits for systemd's
    /// answer, though not for long: no answer counts as no.
    /// </summary>
    public Task<bool> IsUnderWayAsync() =>
        lifetime.ApplicationStopping.IsCancellationRequested ? answer.Value : Task.FromResult(false);

    private async Task<bool> AskAsync()
    {
        using var deadline = new CancellationTokenSource(Patience, clock);
        Process? systemctl = null;
        try
        {
            systemctl = Process.Start(
                new ProcessStartInfo("systemctl")
                {
                    ArgumentList = { "is-system-running" },
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                }
            )!;
            // "stopping" from the moment at which the machine's end is asked for, before any unit is stopped.
            var state = await systemctl.StandardOutput.ReadLineAsync(deadline.Token);
            log.SystemState(state ?? "");
            return state is "stopping";
        }
        catch (Win32Exception e)
        {
            log.SystemStateUnknown(e.Message);
            return false;
        }
        catch (OperationCanceledException)
        {
            log.SystemStateUnknown($"no answer within {Patience.TotalSeconds} s");
            return false;
        }
        // Whatever it is: whoever waits for the answer has to end in order all the same.
        catch (Exception e)
        {
            log.SystemStateUnknown($"{e.GetType().Name}: {e.Message}");
            return false;
        }
        finally
        {
            End(systemctl);
        }
    }

    private static void End(Process? systemctl)
    {
        try
        {
            if (systemctl is { HasExited: false })
                systemctl.Kill(entireProcessTree: true);
        }
        // It may end in the same moment, or parts of it may not be killed: it is the machine's to end.
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException) { }
        finally
        {
            systemctl?.Dispose();
        }
    }
}
