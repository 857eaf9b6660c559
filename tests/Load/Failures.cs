using System.Net.Sockets;
using System.Security.Authentication;

namespace Appliance.Load;

/// <summary>What an exception of the network means.</summary>
internal static class Failures
{
    /// <summary>The failure; null when it is none of the network's.</summary>
    public static FailureKind? Of(Exception? e) =>
        e switch
        {
            null => null,
            RequestFailedException failed => failed.Kind,
            AuthenticationException => FailureKind.Tls,
            SocketException socket => socket.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => FailureKind.Refused,
                SocketError.TimedOut => FailureKind.TimedOut,
                SocketError.HostUnreachable
                or SocketError.NetworkUnreachable
                or SocketError.HostNotFound
                or SocketError.AddressNotAvailable => FailureKind.Unreachable,
                // ECONNRESET; and EPIPE of one who writes after the reset.
                _ => FailureKind.Reset,
            },
            HttpProtocolException => FailureKind.Reset,
            HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded } => FailureKind.Truncated,
            HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse } => FailureKind.Malformed,
            HttpRequestException or IOException => Of(e.InnerException) ?? FailureKind.Reset,
            _ => null,
        };
}
