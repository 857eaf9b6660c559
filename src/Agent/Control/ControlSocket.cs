using System.Net.Sockets;

namespace Appliance.Agent.Control;

/// <summary>The unix socket's file: one agent, and everyone may knock.</summary>
internal static class ControlSocket
{
    /// <summary>Binds it, in place of what a dead agent left.</summary>
    /// <exception cref="IOException">A living agent has it, or something that is no socket is there.</exception>
    public static Socket Bind(string path)
    {
        PrepareFolder(Path.GetDirectoryName(path)!);
        RemoveStale(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            // Whoever connects is told by the kernel's credentials, and one without a role deserves an answer.
            File.SetUnixFileMode(path, AllReadAndWrite);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"cannot listen on {path}: {e.Message}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static void PrepareFolder(string folder)
    {
        if (Directory.Exists(folder))
            return;
        Directory.CreateDirectory(folder);
        // Whatever the umask: others must be able to reach the socket in it.
        File.SetUnixFileMode(folder, FolderMode);
    }

    private static void RemoveStale(string path)
    {
        if (!File.Exists(path))
            return;
        using var knock = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            knock.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused && IsEmpty(path))
        {
            File.Delete(path);
            return;
        }
        catch (SocketException e)
        {
            throw new IOException($"cannot listen on {path}: something else is there ({e.Message})", e);
        }
        throw new IOException($"cannot listen on {path}: another agent answers there");
    }

    // A regular file refuses connections, too; one with content is nobody's leftover socket.
    private static bool IsEmpty(string path) => new FileInfo(path).Length == 0;

    private const UnixFileMode AllReadAndWrite =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupWrite
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherWrite;

    private const UnixFileMode FolderMode =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;
}
