using System.Net;
using System.Net.Sockets;

namespace Appliance.Docker;

/// <summary>The engine answered, and refused: the message is the engine's own.</summary>
public class DockerEngineException(HttpStatusCode statusCode, string message, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>
    /// The HTTP status of the answer; 200 where the engine reports a failure in the body of a stream it had already
    /// begun (image load, for one).
    /// </summary>
    public HttpStatusCode StatusCode { get; } = statusCode;
}

/// <summary>No such container, image, network, volume or exec (404).</summary>
public sealed class EngineNotFoundException(string message) : DockerEngineException(HttpStatusCode.NotFound, message);

/// <summary>The object's present state, or a name already taken, forbids the call (409).</summary>
public sealed class EngineConflictException(string message) : DockerEngineException(HttpStatusCode.Conflict, message);

/// <summary>The answer is not what the Engine API says: malformed JSON or frames, or larger than our limits.</summary>
public sealed class EngineProtocolException(HttpStatusCode statusCode, string message, Exception? inner = null)
    : DockerEngineException(statusCode, message, inner);

/// <summary>
/// The engine is gone: it does not listen, it closed the connection in the middle, or it did not answer in time.
/// Whether a change that was asked for took place is unknown.
/// </summary>
public sealed class EngineUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether something listens, and does not answer: an engine that hangs, and not one that is not there.</summary>
    // The kernel says "try again" when as many wait to be let in as the engine has asked for.
    public bool IsSilence =>
        InnerException
            is OperationCanceledException
                or HttpRequestException { InnerException: SocketException { SocketErrorCode: SocketError.WouldBlock } };
}
