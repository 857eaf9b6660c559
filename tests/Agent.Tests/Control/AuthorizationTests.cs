using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Appliance.Agent.Control;
using Appliance.Testing;
using Grpc.Core;

namespace Appliance.Agent.Tests.Control;

public sealed class AuthorizationTests
{
    private static readonly Identity Nobody = new(65534, 65534);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_change_is_recorded_before_and_after_its_effect()
    {
        await using var host = await ControlHost.StartAsync();
        var services = new V1.ServicesService.ServicesServiceClient(host.Channel(Identity.Root));
        var request = new V1.StopServiceRequest { Name = "web", Reason = "maintenance" };
        var answer = await services.StopServiceAsync(request, cancellationToken: Ct);
        Assert.Equal("web", answer.Summary.Name);
        Assert.Equal(["stop web by uid:0 (root): maintenance"], host.Supervisor.Asked);

        var entries = host.Audit.List(null).ToList();
        Assert.Equal(["requested", "done"], entries.Select(e => e.Outcome));
        Assert.All(
            entries,
            e =>
                Assert.Equal(
                    ("uid:0 (root)", "admin", "/appliance.v1.ServicesService/StopService"),
                    (e.Actor, e.Role, e.Method)
                )
        );
        Assert.Contains("\"maintenance\"", entries[0].Request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_of_a_request_gets_into_no_record()
    {
        await using var host = await ControlHost.StartAsync();
        foreach (var identity in (Identity[])[Identity.Root, Nobody])
        {
            var certificates = new V1.CertificateService.CertificateServiceClient(host.Channel(identity));
            await Assert.ThrowsAsync<RpcException>(async () =>
                await certificates.SetCertificateAsync(new() { Pem = "PRIVATE KEY" }, cancellationToken: Ct)
            );
        }

        var entries = host.Audit.List(null).ToList();
        Assert.Equal(["requested", "failed", "denied"], entries.Select(e => e.Outcome));
        Assert.All(entries, e => Assert.Equal("{ \"pem\": \"(not recorded)\" }", e.Request));
    }

    [Fact]
    public async Task A_change_that_fails_is_recorded_with_its_status()
    {
        await using var host = await ControlHost.StartAsync();
        var services = new V1.ServicesService.ServicesServiceClient(host.Channel(Identity.Root));
        var refused = await Assert.ThrowsAsync<RpcException>(async () =>
            await services.RestartServiceAsync(new V1.RestartServiceRequest { Name = "wbe" }, cancellationToken: Ct)
        );
        Assert.Equal(StatusCode.NotFound, refused.StatusCode);
        Assert.Equal("no service \"wbe\"; there are: web", refused.Status.Detail);
        var failed = host.Audit.List(1).Single();
        Assert.Equal(("failed", "NotFound: no service \"wbe\"; there are: web"), (failed.Outcome, failed.Detail));
    }

    [Fact]
    public async Task What_only_reads_leaves_no_record()
    {
        await using var host = await ControlHost.StartAsync();
        var channel = host.Channel(Identity.Root);
        await new V1.StatusService.StatusServiceClient(channel).GetStatusAsync(
            new V1.GetStatusRequest(),
            cancellationToken: Ct
        );
        await new V1.ServicesService.ServicesServiceClient(channel).GetServiceAsync(
            new V1.GetServiceRequest { Name = "web" },
            cancellationToken: Ct
        );
        Assert.Empty(host.Audit.List(null));
    }

    [Fact]
    public async Task A_user_without_a_role_is_told_so_and_recorded_but_cannot_fill_the_disk()
    {
        await using var host = await ControlHost.StartAsync();
        var services = new V1.ServicesService.ServicesServiceClient(host.Channel(Nobody));
        for (var i = 0; i < DenialBudget.Burst + 5; i++)
        {
            var denied = await Assert.ThrowsAsync<RpcException>(async () =>
                await services.StopServiceAsync(new V1.StopServiceRequest { Name = "web" }, cancellationToken: Ct)
            );
            Assert.Equal(StatusCode.PermissionDenied, denied.StatusCode);
            Assert.Contains("only root and members of", denied.Status.Detail, StringComparison.Ordinal);
        }
        Assert.Empty(host.Supervisor.Asked);
        var entries = host.Audit.List(null).ToList();
        Assert.Equal(DenialBudget.Burst, entries.Count);
        Assert.All(entries, e => Assert.Equal(("denied", "none"), (e.Outcome, e.Role)));
        Assert.StartsWith("uid:65534", entries[0].Actor, StringComparison.Ordinal);
    }

    [Fact]
    public void Denials_that_were_not_recorded_are_counted_in_the_next_record()
    {
        var clock = new ManualClock();
        var budget = new DenialBudget(clock);
        for (var i = 0; i < DenialBudget.Burst; i++)
            Assert.True(budget.TryTake(1000, out _));
        for (var i = 0; i < 7; i++)
            Assert.False(budget.TryTake(1000, out _));
        Assert.True(budget.TryTake(1001, out var ofAnother));
        Assert.Equal(0, ofAnother);
        clock.Advance(DenialBudget.Refill);
        Assert.True(budget.TryTake(1000, out var unrecorded));
        Assert.Equal(7, unrecorded);
        Assert.False(budget.TryTake(1000, out _));
    }

    [Fact]
    public void Many_users_together_get_no_more_than_a_bounded_number_of_records()
    {
        var budget = new DenialBudget(new ManualClock());
        var recorded = Enumerable.Range(0, 5000).Count(uid => budget.TryTake((uint)uid, out _));
        Assert.Equal(1000 + DenialBudget.Burst, recorded);
    }

    [Fact]
    public async Task Users_without_a_role_have_few_connections_each_and_together()
    {
        await using var host = await ControlHost.StartAsync();
        var held = new List<Socket>();
        var ends = new List<Task<int>>();
        await HoldAsync(Nobody, PeerConnections.PerStranger + 1);
        await OneIsClosedAsync();
        for (var uid = 60_000u; ends.Count < PeerConnections.AllStrangers; uid++)
            await HoldAsync(new Identity(uid, uid), 1);
        await HoldAsync(new Identity(50_000, 50_000), 1);
        await OneIsClosedAsync();

        // They are in nobody's way.
        await AskAsync(host, new Identity(65534, Accounts.GroupId(ControlHost.Groups.Viewer)!.Value));
        await AskAsync(host, Identity.Root);
        held.ForEach(s => s.Dispose());

        async Task HoldAsync(Identity identity, int connections)
        {
            for (var i = 0; i < connections; i++)
            {
                held.Add(await identity.ConnectAsync(host.Socket));
                ends.Add(held[^1].ReceiveAsync(new byte[1], Ct).AsTask());
            }
        }

        // Which one is not for the client to know: the server takes them up in any order.
        async Task OneIsClosedAsync()
        {
            var first = await Task.WhenAny(ends).WaitAsync(TimeSpan.FromSeconds(10), Ct);
            Assert.Equal(0, await first);
            ends.Remove(first);
        }
    }

    [Fact]
    public async Task Connections_that_end_make_room_for_others()
    {
        await using var host = await ControlHost.StartAsync();
        for (var i = 0; i < 3 * PeerConnections.PerStranger; i++)
        {
            using var socket = await Nobody.ConnectAsync(host.Socket);
            await socket.SendAsync("no HTTP/2, so that the server ends the connection\r\n\r\n"u8.ToArray(), Ct);
            var first = await socket.ReceiveAsync(new byte[64], Ct);
            Assert.True(first > 0, $"connection {i} was not served");
            while (await socket.ReceiveAsync(new byte[64], Ct) > 0) { }
        }
    }

    [Fact]
    public async Task Root_of_a_container_cannot_keep_the_hosts_root_out()
    {
        const string connect = """
            use Socket; $| = 1; my @held;
            for (1..$ARGV[1]) {
                socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die "$!"; connect($s, pack_sockaddr_un($ARGV[0])) or die "$!";
                push @held, $s;
            }
            print "connected\n"; <STDIN>;
            """;
        await using var host = await ControlHost.StartAsync();
        var attempts = (PeerConnections.Server + 6).ToString(CultureInfo.InvariantCulture);
        string[] arguments = ["--nofile=4096", "unshare", "--pid", "--fork", "perl", "-e", connect];
        using var container = Process.Start(
            new ProcessStartInfo("prlimit", [.. arguments, host.Socket, attempts])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            }
        )!;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        Assert.Equal("connected", await container.StandardOutput.ReadLineAsync(deadline.Token));
        await AskAsync(host, Identity.Root);
        container.StandardInput.Close();
        await container.WaitForExitAsync(deadline.Token);
    }

    private static async Task AskAsync(ControlHost host, Identity identity)
    {
        var client = new V1.StatusService.StatusServiceClient(host.Channel(identity));
        var status = await client.GetStatusAsync(new V1.GetStatusRequest(), cancellationToken: Ct);
        Assert.Equal("web", status.Services[0].Name);
    }
}
