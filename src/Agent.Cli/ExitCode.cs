using Appliance.V1;
using Grpc.Core;

namespace Appliance.Cli;

/// <summary>What the process ends with; scripts rely on the numbers.</summary>
internal enum ExitCode
{
    Done = 0,
    Failed = 1,

    /// <summary>The command line, or the file that was linted, is wrong.</summary>
    Usage = 2,
    NotReachable = 3,
    NotPermitted = 4,

    /// <summary>The agent understood and declined: a verification or a precondition does not hold.</summary>
    Refused = 5,

    /// <summary>The agent began, and took back what it had done.</summary>
    RolledBack = 6,

    /// <summary>Ctrl-C, as a shell reports it.</summary>
    Interrupted = 130,

    /// <summary>SIGHUP, the same way: the terminal went away.</summary>
    HungUp = 129,

    /// <summary>SIGTERM, the same way.</summary>
    Terminated = 143,
}

internal static class ExitCodes
{
    /// <summary>The one place where an answer of the agent becomes an exit code.</summary>
    public static ExitCode From(StatusCode status) =>
        status switch
        {
            StatusCode.OK => ExitCode.Done,
            StatusCode.InvalidArgument or StatusCode.OutOfRange => ExitCode.Usage,
            StatusCode.Unavailable or StatusCode.DeadlineExceeded => ExitCode.NotReachable,
            StatusCode.PermissionDenied or StatusCode.Unauthenticated => ExitCode.NotPermitted,
            StatusCode.FailedPrecondition => ExitCode.Refused,
            StatusCode.Aborted => ExitCode.RolledBack,
            _ => ExitCode.Failed,
        };

    /// <summary>What came of an operation. One that runs on without being watched is no failure.</summary>
    public static ExitCode From(OperationState state) =>
        state switch
        {
            OperationState.Done or OperationState.Running => ExitCode.Done,
            OperationState.Refused => ExitCode.Refused,
            OperationState.RolledBack => ExitCode.RolledBack,
            _ => ExitCode.Failed,
        };
}
