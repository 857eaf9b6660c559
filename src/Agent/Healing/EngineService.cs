using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Appliance.Agent.Host;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

/// <summary>
/// The engine as a program that can be restarted: by systemd where it runs it; otherwise it is ended, if somebody has said
/// which one it is, and whoever has started it starts it again.
/// </summary>
internal sealed partial class EngineService(
    Systemctl systemctl,
    IOptionsMonitor<HealingOptions> options,
    TimeProvider clock
)
{
    private const int Terminate = 15;

    // systemd kills what does not end after a minute and a half, and an engine takes its time to start.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    // One that hangs hears nothing.
    private static readonly TimeSpan MayEnd = TimeSpan.FromSeconds(10);

    private HealingOptions Options => options.CurrentValue;

    /// <summary>Why it cannot be restarted from here; null: it can.</summary>
    public string? WhyNot =>
        Options.EnginePidFile is not null || systemctl.IsThere
            ? null
            : "systemd does not run the agent, and healing.engine-pid-file is not set";

    /// <exception cref="RemedyException">It was not restarted.</exception>
    public async Task RestartAsync(CancellationToken ct)
    {
        if (Options.EnginePidFile is { } file)
            await EndAsync(file, ct);
        // A start limit that it ran into is forgotten first; nothing is lost where there was none.
        else if (
            await systemctl.RunAsync(MayEnd, ["reset-failed", Options.EngineUnit], ct) is var _
            && await systemctl.RunAsync(Patience, ["restart", Options.EngineUnit], ct) is { } problem
        )
            throw new RemedyException(problem);
    }

    /// <summary>Ends it as a crash does: whoever has started it starts it again.</summary>
    /// <exception cref="RemedyException">It was not ended.</exception>
    public async Task KillAsync(CancellationToken ct)
    {
        if (Options.EnginePidFile is { } file)
        {
            using var engine = await FindAsync(file, ct);
            engine.Kill();
        }
        else if (
            await systemctl.RunAsync(MayEnd, ["kill", "--signal=KILL", "--kill-who=main", Options.EngineUnit], ct) is
            { } problem
        )
            throw new RemedyException(problem);
    }

    private async Task EndAsync(string file, CancellationToken ct)
    {
        try
        {
            using var engine = await FindAsync(file, ct);
            using var deadline = new CancellationTokenSource(MayEnd, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, ct);
            _ = Kill(engine.Id, Terminate);
            await engine.WaitForExitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ct.ThrowIfCancellationRequested();
            if (engine.HasExited)
                return;
            engine.Kill();
            await engine.WaitForExitAsync(ct);
        }
        // It may end in the same moment.
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            throw new RemedyException($"the engine could not be ended by {file}: {e.Message}", e);
        }
    }

    private static async Task<Process> FindAsync(string file, CancellationToken ct)
    {
        try
        {
            var engine = Process.GetProcessById(
                int.Parse(
                    await File.ReadAllTextAsync(file, ct),
                    NumberStyles.AllowTrailingWhite,
                    CultureInfo.InvariantCulture
                )
            );
            // The file outlives a crash, and the number may be another's since.
            if (engine.ProcessName == "dockerd")
                return engine;
            using (engine)
                throw new RemedyException($"process {engine.Id} of {file} is {engine.ProcessName}, and not dockerd");
        }
        catch (Exception e)
            when (e
                    is IOException
                        or UnauthorizedAccessException
                        or FormatException
                        or OverflowException
                        or ArgumentException
                        or InvalidOperationException
            )
        {
            throw new RemedyException($"the engine could not be ended by {file}: {e.Message}", e);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
