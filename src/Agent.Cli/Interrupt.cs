using System.Runtime.InteropServices;

namespace Appliance.Cli;

/// <summary>
/// While it lives, Ctrl-C cancels a token instead of ending the process: for what has something left to say or to do
/// then. Without it the kernel's default gives 130.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource source;
    private readonly PosixSignalRegistration? signal;

    /// <param name="catches">Whether Ctrl-C is caught at all; if not, only <paramref name="cancellationToken"/> cancels.</param>
    /// <param name="cancellationToken">Cancels as Ctrl-C does.</param>
    public Interrupt(bool catches, CancellationToken cancellationToken)
    {
        source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        signal = catches ? PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel) : null;
    }

    public CancellationToken Token => source.Token;

    /// <summary>Whether there was one.</summary>
    public bool Came => source.IsCancellationRequested;

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
        signal?.Dispose();
        source.Dispose();
    }

    private void Cancel(PosixSignalContext context)
    {
        context.Cancel = true;
        source.Cancel();
    }
}
