using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Appliance.Agent.Tests.Control;

/// <summary>
/// A user as the kernel sees one when a socket is connected. Credentials belong to threads, and only glibc makes all
/// threads of a process share them: so a thread of its own takes them on, connects, and ends.
/// </summary>
internal sealed partial record Identity(uint Uid, uint Gid, params uint[] Groups)
{
    public static readonly Identity Root = new(0, 0);

    public async Task<Socket> ConnectAsync(string path)
    {
        var connected = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                if (this != Root)
                    TakeOn();
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Connect(new UnixDomainSocketEndPoint(path));
                connected.SetResult(socket);
            }
            catch (Exception e)
            {
                connected.SetException(e);
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        return await connected.Task;
    }

    private void TakeOn()
    {
        var (setGroups, setGid, setUid) =
            RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64
                ? (116, 119, 117)
                : (159, 149, 147);
        var groups = GCHandle.Alloc(Groups, GCHandleType.Pinned);
        Check(SystemCall(setGroups, Groups.Length, groups.AddrOfPinnedObject(), 0));
        groups.Free();
        Check(SystemCall(setGid, (nint)Gid, (nint)Gid, (nint)Gid));
        Check(SystemCall(setUid, (nint)Uid, (nint)Uid, (nint)Uid));
    }

    private static void Check(nint result) =>
        Assert.True(result == 0, $"other users can only be tried by root (errno {Marshal.GetLastPInvokeError()})");

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint SystemCall(nint number, nint a, nint b, nint c);
}
