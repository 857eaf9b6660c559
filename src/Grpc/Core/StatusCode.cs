namespace Grpc.Core;

/// <summary>How a call ended; the values are the numbers on the wire (gRPC "Status codes and their use").</summary>
public enum StatusCode
{
    /// <summary>Success.</summary>
    OK = 0,

    /// <summary>The call was cancelled, usually by its caller.</summary>
    Cancelled = 1,

    /// <summary>An error that says nothing better about itself.</summary>
    Unknown = 2,

    /// <summary>The request is wrong whatever the state of the system.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed first; a change may have happened all the same.</summary>
    DeadlineExceeded = 4,

    /// <summary>What was asked for does not exist.</summary>
    NotFound = 5,

    /// <summary>What was to be created exists.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known but not allowed.</summary>
    PermissionDenied = 7,

    /// <summary>A quota, a size limit or a disk is exhausted.</summary>
    ResourceExhausted = 8,

    /// <summary>The system is not in the state that the call needs; retrying alone does not help.</summary>
    FailedPrecondition = 9,

    /// <summary>A conflict, such as a lost transaction: retry the whole sequence.</summary>
    Aborted = 10,

    /// <summary>Past the valid range, which may grow later.</summary>
    OutOfRange = 11,

    /// <summary>The server does not know the method.</summary>
    Unimplemented = 12,

    /// <summary>An invariant is broken, or the peer broke the protocol.</summary>
    Internal = 13,

    /// <summary>Not reachable now: back off and retry.</summary>
    Unavailable = 14,

    /// <summary>Unrecoverable loss or corruption of data.</summary>
    DataLoss = 15,

    /// <summary>No valid credentials came with the call.</summary>
    Unauthenticated = 16,
}
