namespace Grpc.Core;

/// <summary>A status code with a text for people.</summary>
public struct Status
{
    /// <summary><see cref="StatusCode.OK"/> without a text.</summary>
    public static readonly Status DefaultSuccess = new(StatusCode.OK, "");

    /// <summary><see cref="StatusCode.Cancelled"/> without a text.</summary>
    public static readonly Status DefaultCancelled = new(StatusCode.Cancelled, "");

    /// <summary>A status as the wire carries it.</summary>
    public Status(StatusCode statusCode, string detail)
        : this(statusCode, detail, null) { }

    /// <summary>A status that remembers the local exception behind it, which never goes over the wire.</summary>
    public Status(StatusCode statusCode, string detail, Exception? debugException)
    {
        StatusCode = statusCode;
        Detail = detail;
        DebugException = debugException;
    }

    /// <summary>How the call ended.</summary>
    public StatusCode StatusCode { get; }

    /// <summary>A text for people, possibly empty.</summary>
    public string Detail { get; }

    /// <summary>The local exception behind a status that this process made, for logs only.</summary>
    public Exception? DebugException { get; }

    /// <inheritdoc/>
    public override readonly string ToString() =>
        DebugException is null
            ? $"Status(StatusCode=\"{StatusCode}\", Detail=\"{Detail}\")"
            : $"Status(StatusCode=\"{StatusCode}\", Detail=\"{Detail}\", "
                + $"DebugException=\"{DebugException.GetType()}: {DebugException.Message}\")";
}
