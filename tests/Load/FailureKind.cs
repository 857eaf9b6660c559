namespace Appliance.Load;

/// <summary>What is sent.</summary>
public enum RequestKind
{
    /// <summary>A GET over HTTP/1.1 on a connection that is kept alive.</summary>
    KeptAlive,

    /// <summary>A GET over HTTP/1.1 on a connection of its own.</summary>
    New,

    /// <summary>A POST over HTTP/1.1 on a connection that is kept alive.</summary>
    Post,

    /// <summary>A GET over HTTP/2.</summary>
    Http2,

    /// <summary>A request whose answer comes after a long time.</summary>
    LongPoll,

    /// <summary>A request whose answer takes a long time.</summary>
    Stream,

    /// <summary>The opening of a WebSocket, a message and its echo, or the close.</summary>
    WebSocket,
}

/// <summary>How a request failed. Nothing is tried again, even where a browser might: each is one that a user has seen.</summary>
public enum FailureKind
{
    /// <summary>Nobody listened.</summary>
    Refused,

    /// <summary>There was no way to the address.</summary>
    Unreachable,

    /// <summary>The connection was reset, before or within the answer.</summary>
    Reset,

    /// <summary>
    /// The connection was closed in order, and no byte of an answer came. On a connection that was kept alive this is the
    /// server's choice of a bad moment; one that it closes while nothing was asked is no failure.
    /// </summary>
    Unanswered,

    /// <summary>The answer ended before its end.</summary>
    Truncated,

    /// <summary>What came was not HTTP.</summary>
    Malformed,

    /// <summary>Another status than 200.</summary>
    Status,

    /// <summary>A whole answer, and not to this request.</summary>
    WrongBody,

    /// <summary>No whole answer in time.</summary>
    TimedOut,

    /// <summary>The TLS handshake failed.</summary>
    Tls,

    /// <summary>A WebSocket ended without a close.</summary>
    WebSocketCut,

    /// <summary>A WebSocket was closed, neither by us nor with 1001 (going away).</summary>
    WebSocketClosed,

    /// <summary>So many requests were under way that this one was not sent.</summary>
    NotSent,
}
