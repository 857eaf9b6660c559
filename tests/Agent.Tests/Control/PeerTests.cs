using System.Diagnostics;
using System.Net.Sockets;
using Appliance.Agent.Control;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Control;

/// <summary>Real processes of other users and namespaces; root is needed to make them.</summary>
public sealed class PeerTests : IDisposable
{
    private const string Connect = """
        use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die; connect($s, pack_sockaddr_un($ARGV[0])) or die "$!";
        sysread($s, my $end, 1);
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("agent-peer-").FullName;
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string path;

    public PeerTests()
    {
        File.SetUnixFileMode(folder, (UnixFileMode)Convert.ToInt32("755", 8));
        path = Path.Combine(folder, "s");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32("666", 8));
        listener.Listen();
    }

    public void Dispose()
    {
        listener.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Root_is_admin()
    {
        var peer = await PeerOfAsync("setpriv", "--clear-groups");
        Assert.Equal((0u, 0u, false), (peer.Uid, peer.Gid, peer.IsForeign));
        Assert.Equal(Role.Admin, CallerOf(peer).Role);
        Assert.Equal("uid:0 (root)", CallerOf(peer).Actor);
    }

    [Fact]
    public async Task A_user_without_groups_has_no_role()
    {
        var peer = await PeerOfAsync("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups");
        Assert.Equal((65534u, 65534u, 0), (peer.Uid, peer.Gid, peer.Groups.Count));
        Assert.Equal(Role.None, CallerOf(peer).Role);
        Assert.Contains(
            "appliance-viewer",
            new Callers(RoleGroups.Default, new ManualClock()).Of(peer).WhyNone,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("bin", Role.Viewer)]
    [InlineData("sys", Role.Operator)]
    [InlineData("adm", Role.Admin)]
    [InlineData("bin,adm,sys", Role.Admin)]
    [InlineData("mail", Role.None)]
    public async Task Membership_of_a_group_gives_its_role(string groups, object role)
    {
        var peer = await PeerOfAsync("setpriv", "--reuid", "65534", "--regid", "65534", "--groups", groups);
        Assert.Equal(role, CallerOf(peer).Role);
    }

    [Fact]
    public async Task A_member_of_very_many_groups_is_known_by_all_of_them()
    {
        var groups = string.Join(',', Enumerable.Range(50_000, 500).Append((int)Accounts.GroupId("sys")!.Value));
        var peer = await PeerOfAsync("setpriv", "--reuid", "65534", "--regid", "65534", "--groups", groups);
        Assert.Equal(501, peer.Groups.Count);
        Assert.Equal(Role.Operator, CallerOf(peer).Role);
    }

    [Fact]
    public async Task Root_in_another_pid_namespace_has_no_role()
    {
        var peer = await PeerOfAsync("unshare", "--pid", "--fork");
        Assert.True(peer.IsForeign);
        Assert.Equal(0u, peer.Uid);
        Assert.Equal(Role.None, CallerOf(peer).Role);
        Assert.Contains("PID namespace", CallerOf(peer).WhyNone, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_that_has_ended_is_foreign_whoever_has_its_number_now()
    {
        using var process = Process.Start("perl", ["-e", Connect.Replace("sysread", "0 and sysread"), path]);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        using var socket = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        Assert.True(Peer.Of(socket).IsForeign);
    }

    [Fact]
    public void A_process_that_cannot_be_seen_is_foreign()
    {
        Assert.True(PidNamespace.IsForeign(0));
        Assert.True(PidNamespace.IsForeign(int.MaxValue));
        Assert.False(PidNamespace.IsForeign(Environment.ProcessId));
    }

    [Fact]
    public void Unknown_names_and_ids_are_told_as_such()
    {
        Assert.Null(Accounts.GroupId("no-such-group-here"));
        Assert.Equal(0u, Accounts.GroupId("root"));
        Assert.Null(Accounts.UserName(4_000_000_000));
        Assert.Equal("root", Accounts.UserName(0));
    }

    private static Caller CallerOf(Peer peer) => new Callers(ControlHost.Groups, new ManualClock()).Of(peer);

    private async Task<Peer> PeerOfAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, [.. arguments, "perl", "-e", Connect, path]);
        using var process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var socket = await listener.AcceptAsync(deadline.Token);
        var peer = Peer.Of(socket);
        socket.Close();
        await process.WaitForExitAsync(deadline.Token);
        return peer;
    }
}
