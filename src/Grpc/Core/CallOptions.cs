namespace Grpc.Core;

/// <summary>What a client says about one call.</summary>
public struct CallOptions
{
    /// <summary>Options from their parts.</summary>
    /// <param name="headers">Metadata sent with the call.</param>
    /// <param name="deadline">When the call must have ended, in UTC; null for never.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <param name="writeOptions">How requests are written.</param>
    /// <param name="propagationToken">Ties the call to the one being served.</param>
    public CallOptions(
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default,
        WriteOptions? writeOptions = null,
        ContextPropagationToken? propagationToken = null
    )
    {
        Headers = headers;
        Deadline = deadline;
        CancellationToken = cancellationToken;
        WriteOptions = writeOptions;
        PropagationToken = propagationToken;
    }

    /// <summary>Metadata sent with the call.</summary>
    public Metadata? Headers { get; private set; }

    /// <summary>When the call must have ended, in UTC; null for never.</summary>
    public DateTime? Deadline { get; private set; }

    /// <summary>Cancels the call.</summary>
    public CancellationToken CancellationToken { get; private set; }

    /// <summary>How requests are written.</summary>
    public WriteOptions? WriteOptions { get; private set; }

    /// <summary>Ties the call to the one being served.</summary>
    public ContextPropagationToken? PropagationToken { get; private set; }

    /// <summary>A copy with other headers.</summary>
    public readonly CallOptions WithHeaders(Metadata headers) => this with { Headers = headers };

    /// <summary>A copy with another deadline, in UTC.</summary>
    public readonly CallOptions WithDeadline(DateTime deadline) => this with { Deadline = deadline };

    /// <summary>A copy with another token.</summary>
    public readonly CallOptions WithCancellationToken(CancellationToken cancellationToken) =>
        this with
        {
            CancellationToken = cancellationToken,
        };

    /// <summary>A copy with other write options.</summary>
    public readonly CallOptions WithWriteOptions(WriteOptions writeOptions) =>
        this with
        {
            WriteOptions = writeOptions,
        };

    /// <summary>A copy tied to the call being served.</summary>
    public readonly CallOptions WithPropagationToken(ContextPropagationToken propagationToken) =>
        this with
        {
            PropagationToken = propagationToken,
        };
}
