using System.Net;
using System.Net.Sockets;

namespace Appliance.Agent.Ingress;

/// <summary>Where HAProxy could listen: it does not start with a listener on an address that is not there, or taken.</summary>
internal static class OwnAddress
{
    /// <summary>Whether an address is one of this machine's own.</summary>
    public static bool Is(string address) => CanBind(address, 0);

    /// <summary>Whether nobody but HAProxy listens there.</summary>
    public static bool IsFree(string address, int port) => CanBind(address, port);

    private static bool CanBind(string address, int port)
    {
        if (!IPAddress.TryParse(address, out var parsed))
            return false;
        using var socket = new Socket(parsed.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        // SO_REUSEPORT is among what this sets, as HAProxy has it: of the same user, so that the two may be there together.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        try
        {
            socket.Bind(new IPEndPoint(parsed, port));
            return true;
        }
        catch (SocketException e)
        {
            // The agent itself may have no low port; HAProxy may.
            return e.SocketErrorCode is SocketError.AccessDenied;
        }
    }
}
