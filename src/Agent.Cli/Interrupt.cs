using System.Runtime.InteropServices;

namespace Appliance.Cli;

/// <summary>
/// While it lives, Ctrl-C, a request to end and a terminal that goes away cancel a token instead of ending the process:
/// for what has something left to say or to remove then. A second signal ends it as if there were none of this.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource source;
    private readonly List<PosixSignalRegistration> signals = [];
    private ExitCode exitCode = ExitCode.Interrupted;

    /// <param name="catches">Whether signals are caught at all; if not, only <paramref name="cancellationToken"/> cancels.</param>
    /// <param name="cancellationToken">Cancels as Ctrl-C does.</param>
    public Interrupt(bool catches, CancellationToken cancellationToken)
    {
        source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (!catches)
            return;
        signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel));
        signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel));
        signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, Cancel));
    }

    public CancellationToken Token => source.Token;

    /// <summary>Whether there was one.</summary>
    public bool Came => source.IsCancellationRequested;

    /// <summary>What a shell would report of a process that the signal had ended.</summary>
    public ExitCode ExitCode => exitCode;

    /// <summary>Runs what removes after itself whatever it leaves.</summary>
    /// <param name="run">Is cancelled by signals.</param>
    /// <param name="explain">Says what became of it.</param>
    /// <param name="cancellationToken">Cancels as Ctrl-C does.</param>
    public static async Task<ExitCode> RunAsync(
        Func<CancellationToken, Task<ExitCode>> run,
        Action explain,
        CancellationToken cancellationToken
    )
    {
        using var interrupt = new Interrupt(catches: true, cancellationToken);
        try
        {
            return await run(interrupt.Token);
        }
        catch (OperationCanceledException) when (interrupt.Came)
        {
            explain();
            return interrupt.ExitCode;
        }
    }

    /// <summary>Waits; false when that was cut short.</summary>
    public async Task<bool> WaitedOut(TimeSpan delay, TimeProvider clock)
    {
        try
        {
            await Task.Delay(delay, clock, Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        signals.ForEach(signal => signal.Dispose());
        source.Dispose();
    }

    private void Cancel(PosixSignalContext context)
    {
        // What does not heed the first one would otherwise have to be killed.
        if (source.IsCancellationRequested)
            return;
        context.Cancel = true;
        exitCode = context.Signal switch
        {
            PosixSignal.SIGTERM => ExitCode.Terminated,
            PosixSignal.SIGHUP => ExitCode.HungUp,
            _ => ExitCode.Interrupted,
        };
        source.Cancel();
    }
}
