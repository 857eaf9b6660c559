using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Agent.Control;

/// <summary>The process at the other end of a unix socket, as the kernel vouches for it at the time it connected.</summary>
/// <param name="IsForeign">It lives in another PID namespace (a container), or has ended: who it is cannot be told.</param>
internal sealed record Peer(uint Uid, uint Gid, IReadOnlyList<uint> Groups, int Pid, bool IsForeign)
{
    // <asm-generic/socket.h>; the same on every architecture that .NET runs on.
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;
    private const int SoPeerGroups = 59;
    private const int SoPeerPidFd = 77;

    /// <summary>NGROUPS_MAX of the kernel.</summary>
    private const int MaxGroups = 65536;

    /// <exception cref="SocketException">The kernel does not tell.</exception>
    public static Peer Of(Socket socket)
    {
        Span<int> credentials = stackalloc int[3];
        socket.GetRawSocketOption(SolSocket, SoPeerCred, MemoryMarshal.AsBytes(credentials));
        var (pid, uid, gid) = (credentials[0], (uint)credentials[1], (uint)credentials[2]);
        return new Peer(uid, gid, GroupsOf(socket), pid, IsElsewhere(socket, pid));
    }

    // The number of a process that has ended is given to another, perhaps one of ours; a descriptor of it is not.
    private static bool IsElsewhere(Socket socket, int pid)
    {
        Span<int> descriptor = stackalloc int[1];
        try
        {
            socket.GetRawSocketOption(SolSocket, SoPeerPidFd, MemoryMarshal.AsBytes(descriptor));
        }
        catch (SocketException e)
        {
            // Linux before 6.5 does not know the option. Any other error: the process has ended.
            return e.SocketErrorCode != SocketError.ProtocolOption || PidNamespace.IsForeign(pid);
        }
        using var process = new SafeFileHandle(descriptor[0], ownsHandle: true);
        return PidNamespace.IsForeign(process);
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
    private static readonly int OwnDepth = DepthIn("/proc/self/status") ?? 1;

    public static bool IsForeign(int pid) => pid <= 0 || DepthIn($"/proc/{pid}/status") != OwnDepth;

    /// <param name="process">A pidfd.</param>
    public static bool IsForeign(SafeFileHandle process) =>
        DepthIn($"/proc/self/fdinfo/{process.DangerousGetHandle()}") != OwnDepth;

    // A process that our namespace cannot see is 0 here, one that has ended -1; one in a namespace below ours has a
    // number here, but more of them in its line of NSpid (readable without the right to trace it, unlike /proc/pid/ns).
    private static int? DepthIn(string file)
    {
        try
        {
            var line = File.ReadLines(file).FirstOrDefault(l => l.StartsWith("NSpid:", StringComparison.Ordinal));
            var pids = line?.Split('\t', StringSplitOptions.RemoveEmptyEntries)[1..];
            return pids is [not ("0" or "-1"), ..] ? pids.Length : null;
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
