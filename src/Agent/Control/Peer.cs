using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Appliance.Agent.Control;

/// <summary>The process at the other end of a unix socket, as the kernel vouches for it at the time it connected.</summary>
/// <param name="IsForeign">It lives in another PID namespace (a container), or has ended: who it is cannot be told.</param>
internal sealed record Peer(uint Uid, uint Gid, IReadOnlyList<uint> Groups, int Pid, bool IsForeign)
{
    // <asm-generic/socket.h>; the same on every architecture that .NET runs on.
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;
    private const int SoPeerGroups = 59;

    /// <summary>NGROUPS_MAX of the kernel.</summary>
    private const int MaxGroups = 65536;

    /// <exception cref="SocketException">The kernel does not tell.</exception>
    public static Peer Of(Socket socket)
    {
        Span<int> credentials = stackalloc int[3];
        socket.GetRawSocketOption(SolSocket, SoPeerCred, MemoryMarshal.AsBytes(credentials));
        var (pid, uid, gid) = (credentials[0], (uint)credentials[1], (uint)credentials[2]);
        return new Peer(uid, gid, GroupsOf(socket), pid, PidNamespace.IsForeign(pid));
    }

    private static uint[] GroupsOf(Socket socket)
    {
        try
        {
            return GroupsOf(socket, atMost: 64);
        }
        catch (SocketException)
        {
            // ERANGE: more than that.
            return GroupsOf(socket, MaxGroups);
        }
    }

    private static uint[] GroupsOf(Socket socket, int atMost)
    {
        var groups = new uint[atMost];
        var length = socket.GetRawSocketOption(SolSocket, SoPeerGroups, MemoryMarshal.AsBytes(groups.AsSpan()));
        return groups[..(length / sizeof(uint))];
    }
}

/// <summary>
/// A process in a container can hold the socket and any uid of the host; what it lacks is our view of processes.
/// </summary>
internal static class PidNamespace
{
    private static readonly int OwnDepth = DepthOf("self") ?? 1;

    public static bool IsForeign(int pid)
    {
        // The kernel gives 0 for a process that our namespace cannot see; one below ours has a pid here, but more in
        // its own line of NSpid (readable without the right to trace it, unlike /proc/pid/ns).
        return pid <= 0 || DepthOf(pid.ToString()) != OwnDepth;
    }

    private static int? DepthOf(string process)
    {
        try
        {
            return File.ReadLines($"/proc/{process}/status")
                .Where(line => line.StartsWith("NSpid:", StringComparison.Ordinal))
                .Select(line => (int?)line.Split('\t', StringSplitOptions.RemoveEmptyEntries).Length - 1)
                .FirstOrDefault();
        }
        catch (IOException)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }
}
