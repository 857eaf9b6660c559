namespace Grpc.Core;

/// <summary>A call that did not end in <see cref="StatusCode.OK"/>: what clients catch, and what a handler throws.</summary>
public class RpcException : Exception
{
    /// <summary>An error without trailers; the message is the status in words.</summary>
    public RpcException(Status status)
        : this(status, Metadata.Empty) { }

    /// <summary>An error without trailers, with its own message (which stays local).</summary>
    public RpcException(Status status, string message)
        : this(status, Metadata.Empty, message) { }

    /// <summary>An error with trailers; the message is the status in words.</summary>
    public RpcException(Status status, Metadata trailers)
        : this(status, trailers, status.ToString()) { }

    /// <summary>An error with trailers and its own message (which stays local).</summary>
    public RpcException(Status status, Metadata trailers, string message)
        : base(message, status.DebugException)
    {
        Status = status;
        Trailers = trailers ?? throw new ArgumentNullException(nameof(trailers));
    }

    /// <summary>Code and detail as they went over the wire.</summary>
    public Status Status { get; }

    /// <summary>Short for <c>Status.StatusCode</c>.</summary>
    public StatusCode StatusCode => Status.StatusCode;

    /// <summary>The trailers: received with the error on a client, sent with it by a server.</summary>
    public Metadata Trailers { get; }
}
