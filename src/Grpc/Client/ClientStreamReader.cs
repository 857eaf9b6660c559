using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>The responses of a streaming call.</summary>
internal sealed class ClientStreamReader<TRequest, TResponse>(ClientCall<TRequest, TResponse> call)
    : IAsyncStreamReader<TResponse>
    where TRequest : class
    where TResponse : class
{
    private TResponse? current;
    private int reading;

    public TResponse Current =>
        current ?? throw new InvalidOperationException("There is no current message: MoveNext has not found one.");

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref reading, 1) == 1)
            throw new InvalidOperationException("The previous read is still in flight: await it first.");
        return ReadAsync(cancellationToken);
    }

    private async Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        // Ends the whole call: a read given up in the middle of a message could not be taken up again.
        using var registration = cancellationToken.UnsafeRegister(
            static call => ((ClientCall)call!).CancelFor(CallEnd.Token),
            call
        );
        try
        {
            current = null;
            current = await call.ReadAsync();
            return current is not null;
        }
        finally
        {
            Volatile.Write(ref reading, 0);
        }
    }
}
