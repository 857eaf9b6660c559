using System.Net.Sockets;
using Appliance.Bundles.Releases;
using Appliance.Cli.Output;
using Appliance.Tuf;
using Grpc.Core;

namespace Appliance.Cli;

/// <summary>What went wrong, what to do next, and what the process ends with.</summary>
internal sealed record Failure(ExitCode ExitCode, string What, params IReadOnlyList<string> Next)
{
    /// <summary>Null for what nobody expected: that is a bug, and may end the process as one.</summary>
    public static Failure? Explain(Exception exception, Session session) =>
        exception switch
        {
            RpcException { StatusCode: StatusCode.Unavailable }
                when session.OpenedAgent?.ConnectFailure is { } failure => NotConnected(failure, session.SocketPath),
            RpcException e => Answered(e.Status, session.SocketPath),
            SocketPathException e => new(ExitCode.Usage, e.Message, "A path has at most 107 bytes."),
            FileException e => new(ExitCode.Usage, e.Message),
            UnconfirmedException e => new(ExitCode.Usage, e.Message, e.Next),
            PassphraseException e => new(ExitCode.Usage, e.Message, e.Next),
            RefusedException or TufException => new(ExitCode.Refused, $"refused: {exception.Message}"),
            OutputException e => new(ExitCode.Failed, e.Message),
            UnauthorizedAccessException e => new(ExitCode.Failed, $"not permitted by the file system: {e.Message}"),
            IOException e => new(ExitCode.Failed, $"a file cannot be read or written: {e.Message}"),
            _ => null,
        };

    public void PrintTo(Screen error)
    {
        error.WriteLine($"{error.Paint("appliancectl:", Style.Red)} {Text.OneLine(What)}");
        foreach (var line in Next)
            error.WriteLine($"  {Text.OneLine(line)}");
    }

    private static Failure NotConnected(SocketException failure, string socket) =>
        failure.SocketErrorCode == SocketError.AccessDenied
            ? new(ExitCode.NotPermitted, $"you may not open the agent's socket {socket}", Groups)
            : new(
                ExitCode.NotReachable,
                $"the agent cannot be reached: {WhyNot(failure, socket)}",
                "Is it running? See: systemctl status appliance-agent",
                "Does it listen elsewhere? Say where with --socket PATH or APPLIANCE_SOCKET."
            );

    private static string WhyNot(SocketException failure, string socket) =>
        failure.SocketErrorCode switch
        {
            // The runtime's word for a path that does not exist.
            SocketError.AddressNotAvailable => $"there is no socket at {socket}",
            SocketError.ConnectionRefused => $"nobody listens on {socket}",
            _ => $"{socket}: {Lower(failure.Message)}",
        };

    private static Failure Answered(Status status, string socket) =>
        ExitCodes.From(status.StatusCode) switch
        {
            ExitCode.NotPermitted => new(ExitCode.NotPermitted, $"not permitted: {status.Detail}", Groups),
            ExitCode.NotReachable when status.StatusCode == StatusCode.DeadlineExceeded => new(
                ExitCode.NotReachable,
                $"the agent on {socket} did not answer in time",
                "It may be overloaded or stuck. See: systemctl status appliance-agent; journalctl -u appliance-agent"
            ),
            ExitCode.NotReachable => new(
                ExitCode.NotReachable,
                $"the agent on {socket} did not answer: {status.Detail}",
                "It may be starting or stopping: try again, or see: systemctl status appliance-agent"
            ),
            ExitCode.Refused => new(ExitCode.Refused, $"refused: {status.Detail}"),
            ExitCode.RolledBack => new(ExitCode.RolledBack, $"rolled back: {status.Detail}"),
            ExitCode.Usage => new(ExitCode.Usage, status.Detail),
            _ when status.StatusCode == StatusCode.Unimplemented => new(
                ExitCode.Failed,
                "the agent does not know this command",
                "Agent and appliancectl differ in version. See: appliancectl --version; appliancectl status"
            ),
            _ when status.StatusCode is StatusCode.NotFound or StatusCode.ResourceExhausted => new(
                ExitCode.Failed,
                status.Detail
            ),
            var code => new(
                code,
                $"failed: {status.Detail} ({status.StatusCode})",
                "More in: journalctl -u appliance-agent"
            ),
        };

    private static readonly string[] Groups =
    [
        "Members of the group appliance-viewer may look, of appliance-operator also start and stop,",
        "of appliance-admin everything; so may root. Your groups: see `id`; a new one counts from the next login.",
    ];

    private static string Lower(string sentence) => char.ToLowerInvariant(sentence[0]) + sentence[1..];
}

/// <summary>A file that a command was given cannot be read.</summary>
internal sealed class FileException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A change was not confirmed, and nobody can be asked.</summary>
internal sealed class UnconfirmedException(string message, string next) : Exception(message)
{
    public UnconfirmedException()
        : this("this needs a yes, and there is no terminal to ask on", "Add --yes to do it without being asked.") { }

    public string Next => next;
}
