using System.Net.Sockets;
using Appliance.Agent.Control;

namespace Appliance.Agent.Tests.Control;

public sealed class ControlSocketTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("agent-sock-").FullName;
    private string SocketPath => Path.Combine(folder, "run", "agent.sock");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Everyone_may_knock()
    {
        using var socket = ControlSocket.Bind(SocketPath);
        Assert.Equal(Convert.ToInt32("666", 8), (int)File.GetUnixFileMode(SocketPath));
        Assert.Equal(Convert.ToInt32("755", 8), (int)File.GetUnixFileMode(Path.GetDirectoryName(SocketPath)!));
    }

    [Fact]
    public void What_a_killed_agent_left_is_replaced()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketPath)!);
        LeaveBehind();
        using var socket = ControlSocket.Bind(SocketPath);
        socket.Listen();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(SocketPath));
    }

    [Fact]
    public void A_living_agent_keeps_its_socket()
    {
        using var living = ControlSocket.Bind(SocketPath);
        living.Listen();
        var refused = Assert.Throws<IOException>(() => ControlSocket.Bind(SocketPath));
        Assert.Contains("another agent answers there", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_with_content_is_not_removed()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketPath)!);
        File.WriteAllText(SocketPath, "precious");
        Assert.Throws<IOException>(() => ControlSocket.Bind(SocketPath));
        Assert.Equal("precious", File.ReadAllText(SocketPath));
    }

    // Closing removes the file, which a killed process does not: so it is closed under another name.
    private void LeaveBehind()
    {
        using var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        dead.Bind(new UnixDomainSocketEndPoint(SocketPath + ".dying"));
        File.Move(SocketPath + ".dying", SocketPath);
    }
}
