using System.Net;
using System.Net.Sockets;
using Appliance.Agent.Host;

namespace Appliance.Agent.Tests.Host;

public sealed class HeldPortsTests
{
    [Fact]
    public void What_listens_is_found_and_what_is_connected_is_not()
    {
        const string table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 123 1 0 100 0 0 10 0
               1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 124 1 0 100 0 0 10 0
            """;

        Assert.Equal([new HeldPort(IPAddress.Loopback, 8080, IsUdp: false)], HeldPorts.Parse(table, isUdp: false));
    }

    [Fact]
    public void An_address_of_version_6_is_read_word_by_word()
    {
        const string table = """
              sl  local_address                         remote_address                        st
               0: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000
            """;

        Assert.Equal([new HeldPort(IPAddress.IPv6Loopback, 53, IsUdp: true)], HeldPorts.Parse(table, isUdp: true));
    }

    [Fact]
    public void A_socket_of_both_versions_that_is_bound_to_an_old_address_holds_that()
    {
        using var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
        socket.DualMode = true;
        socket.Bind(new IPEndPoint(IPAddress.Loopback.MapToIPv6(), 0));
        socket.Listen();

        var port = PortOf(socket.LocalEndPoint!);
        Assert.Contains(new HeldPort(IPAddress.Loopback, port, IsUdp: false), HeldPorts.Read());
    }

    [Fact]
    public void The_kernel_s_own_tables_tell_of_a_real_listener()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var bound = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));

        var held = HeldPorts.Read();

        Assert.Contains(new HeldPort(IPAddress.Loopback, PortOf(listener.LocalEndpoint), IsUdp: false), held);
        Assert.Contains(new HeldPort(IPAddress.Loopback, PortOf(bound.Client.LocalEndPoint!), IsUdp: true), held);
    }

    private static int PortOf(EndPoint at) => ((IPEndPoint)at).Port;
}
