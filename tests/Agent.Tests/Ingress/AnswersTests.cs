using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Testing;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>What HAProxy says, and what is made of it.</summary>
public sealed class AnswersTests
{
    private const string Processes = """
        #<PID>          <type>          <reloads>       <uptime>        <version>
        14426           master          8 [failed: 1]   0d00h05m39s     2.6.12-1+deb12u4
        # workers
        30390           worker          1               0d00h01m35s     2.6.12-1+deb12u4
        # old workers
        101             worker          2               0d00h01m35s     2.6.12-1+deb12u4
        102             worker          3               0d00h01m35s     2.6.12-1+deb12u4
        # programs


        """;

    [Fact]
    public void Its_processes_are_told_apart()
    {
        var workers = Workers.Parse(Processes);
        Assert.Equal(
            (30390, 8, 1, "2.6.12-1+deb12u4"),
            (workers.Current, workers.Reloads, workers.FailedReloads, workers.Version)
        );
        Assert.Equal([101, 102], workers.Old);
        Assert.Null(Workers.Parse("#<PID>\n1 master 0 [failed: 0] 1s 3\n# workers\n").Current);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Unknown command, but maybe one of the following ones is a better match:\n  help\n\n")]
    [InlineData("Permission denied\n")]
    public void An_error_is_not_taken_for_an_answer(string answer)
    {
        Assert.Throws<HaproxyException>(() => Workers.Parse(answer));
        Assert.Throws<HaproxyException>(() => StatRow.Parse(answer));
    }

    [Fact]
    public void An_answer_that_is_cut_off_is_none() =>
        Assert.Throws<HaproxyException>(() => StatRow.Parse("# pxname,svname,scur,status,\nweb,s1,0,UP,\nweb,s2"));

    [Theory]
    [InlineData("no check", "172.18.0.2:80", "Ready 172.18.0.2")]
    [InlineData("DRAIN", "172.18.0.2:80", "Draining 172.18.0.2")]
    [InlineData("MAINT", "[fd00::2]:80", "Maintenance fd00::2")]
    [InlineData("MAINT (resolution)", "192.0.2.1:1", "Maintenance ")]
    public void A_server_is_read(string status, string address, string expected)
    {
        var slot = StatRow.Parse(Row("web", "s1", status, address)).Single().ToSlot();
        Assert.Equal(expected, $"{slot.State} {slot.Address}");
    }

    [Fact]
    public void Totals_only_grow_whoever_counts_and_belong_to_whom_the_place_had_then()
    {
        var counters = new IngressCounters(new RuntimeApi(new Fixed(), TimeProvider.System));
        Know("a");
        // What was counted before the agent started is not its.
        counters.Take(1, Rows(1000, 50), isNew: false);
        counters.Take(1, Rows(1010, 51), isNew: true);
        Assert.Equal((10, 1), Totals());
        // A reload: both count.
        counters.Take(2, Rows(5, 0), isNew: true);
        counters.Take(1, Rows(1012, 51), isNew: true);
        Assert.Equal((17, 1), Totals());
        // The old one has ended. HAProxy is killed, and the new one has its pid.
        counters.Forget(new Workers(2, [], 1, 0, ""));
        counters.Take(2, Rows(3, 3), isNew: true);
        Assert.Equal((20, 4), Totals());
        // Another container has the address.
        Know("b");
        counters.Take(2, Rows(7, 3), isNew: true);
        Assert.Equal([("a", 20L), ("b", 4L)], counters.Last.Servers.Select(s => (s.ContainerId, s.Requests)));
        Assert.Equal((24, 4), Totals());

        (long, long) Totals() => (counters.Last.Service("web").Requests, counters.Last.Service("web").Failed);

        void Know(string id) =>
            counters.Know(
                new Dictionary<string, Occupant> { ["172.18.0.2"] = new("web", id, ServerRole.Current) },
                new Dictionary<string, string> { ["be"] = "web" }
            );

        static IReadOnlyList<StatRow> Rows(int requests, int failed) =>
            StatRow.Parse(
                Row("be", "s1", "no check", "172.18.0.2:80", requests, failed)
                    + $"be,BACKEND,0,0,UP,,100,{requests},{failed},0,0,0,http,\n"
            );
    }

    [Fact]
    public void Who_leaves_is_drained_when_nothing_is_under_way_anywhere_or_its_time_is_up()
    {
        var clock = new ManualClock();
        var drains = new Drains(clock);
        var service = new PublishedService(
            "web",
            [],
            null,
            TimeSpan.FromSeconds(10),
            [new("a", "web-1", "172.18.0.2", ServerRole.Current, true, "asked for")]
        );
        var old = new OldWorker(1, StatRow.Parse(Row("be", "s1", "no check", "172.18.0.2:80")), MayBeAsked: true);

        // HAProxy has not taken it out yet.
        Assert.False(Look(ServerState.Ready, 0));
        // It has, and there is a request.
        Assert.False(Look(ServerState.Draining, 1));
        // None here, but an old worker may still give it one.
        Assert.False(Look(ServerState.Draining, 0, old));
        Assert.False(Look(ServerState.Draining, 0));
        Assert.True(drains.AreUnderWay);
        clock.Advance(TimeSpan.FromMilliseconds(100));
        Assert.True(Look(ServerState.Draining, 0));
        Assert.False(drains.AreUnderWay);

        // Not any more, and then again: it begins anew.
        drains.Look([service with { Servers = [] }], [], []);
        Assert.False(Look(ServerState.Draining, 3));
        clock.Advance(TimeSpan.FromSeconds(10));
        var late = drains.Look([service], [new("be", "s1", "172.18.0.2", ServerState.Draining, 100, 3)], []);
        Assert.Equal(3, Assert.Single(late).Count);
        Assert.Contains("a", drains.Drained);

        bool Look(ServerState state, int inUse, params IReadOnlyList<OldWorker> workers)
        {
            Assert.Empty(drains.Look([service], [new("be", "s1", "172.18.0.2", state, 100, inUse)], workers));
            return drains.Drained.Contains("a");
        }
    }

    private static string Row(
        string proxy,
        string server,
        string status,
        string address,
        int requests = 0,
        int failed = 0
    ) =>
        "# pxname,svname,qcur,scur,status,addr,uweight,req_tot,hrsp_5xx,econ,eresp,srv_abrt,mode,\n"
        + $"{proxy},{server},0,0,{status},{address},100,{requests},{failed},0,0,0,http,\n";

    private sealed class Fixed : IOptionsMonitor<IngressOptions>
    {
        public IngressOptions CurrentValue { get; } = new();

        public IngressOptions Get(string? name) => CurrentValue;

        public IDisposable? OnChange(Action<IngressOptions, string?> listener) => null;
    }
}
