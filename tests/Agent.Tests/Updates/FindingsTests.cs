using System.Net;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;
using Appliance.Agent.Tests.Supervision;
using Appliance.Agent.Updates;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What speaks against an operation, and what does not.</summary>
public sealed class FindingsTests
{
    private const long Mebibyte = 1024 * 1024;

    private static readonly DateTimeOffset Noon = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Two_disks_have_room_each_for_its_own_and_a_reserve()
    {
        var space = new Space(Content: 10, Layers: 100, Spool: 20, RollbackSet: 3, ToSend: 20);

        var apart = space.On(("/data", On(1, Space.Reserve + 10)), ("/docker", On(2, Space.Reserve + 122)));

        Assert.Equal([Space.Reserve + 10, Space.Reserve + 123], apart.Disks.Select(d => d.Needed));
        var finding = Assert.Single(Findings.OfSpace(apart));
        Assert.True(finding.Refuses);
        Assert.Equal(
            "the engine's file system has 67108986 bytes free, and 67108987 are needed: 100 for new layers, 20 to unpack them,"
                + " 3 for layers of the release before, 67108864 that stay free",
            finding.Sentence
        );
    }

    [Fact]
    public void One_disk_has_room_for_both_together_and_one_reserve()
    {
        var space = new Space(Content: 10, Layers: 100, Spool: 20, RollbackSet: 0, ToSend: 20) { Snapshots = 7 };

        Assert.Empty(
            Findings.OfSpace(space.On(("/a", On(1, Space.Reserve + 137)), ("/b", On(1, Space.Reserve + 137))))
        );
        var finding = Assert.Single(
            Findings.OfSpace(space.On(("/a", On(1, Space.Reserve + 136)), ("/b", On(1, Space.Reserve + 136))))
        );

        Assert.StartsWith(
            "the file system of the agent's state and the engine has",
            finding.Sentence,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "10 of the release, 100 for new layers, 20 to unpack them, 7 to keep a copy of the data",
            finding.Sentence,
            StringComparison.Ordinal
        );
    }

    [Theory]
    // Room for the copy only is what is missing, or for anything else.
    [InlineData(0, 7, 0, FindingKind.Data)]
    [InlineData(100, 7, 106, FindingKind.Data)]
    [InlineData(100, 7, 100, FindingKind.Data)]
    [InlineData(100, 7, 99, FindingKind.Space)]
    [InlineData(100, 0, 99, FindingKind.Space)]
    public void Room_that_only_a_copy_of_data_needs_is_asked_for_by_itself(int layers, int copy, int free, object kind)
    {
        var space = new Space(0, layers, 0, 0, 0) { Snapshots = copy };
        var apart = space.On(("/a", On(1, 1000)), ("/b", On(2, Space.Reserve + free)));
        var finding = Assert.Single(Findings.OfSpace(apart));
        Assert.Equal(kind, finding.Kind);
        Assert.True(finding.Refuses);
    }

    [Fact]
    public void An_engine_that_is_away_is_waited_for_and_one_that_answers_with_an_error_is_not()
    {
        var away = Findings.OfFailure(new EngineUnavailableException("no such file"));
        var failing = Findings.OfFailure(new DockerEngineException(HttpStatusCode.InternalServerError, "out of luck"));

        Assert.Equal((FindingKind.Engine, false), (away.Kind, away.Refuses));
        Assert.Contains("does not answer", away.Sentence, StringComparison.Ordinal);
        Assert.Equal((FindingKind.Engine, true), (failing.Kind, failing.Refuses));
        Assert.Equal("the engine refuses to say what it has: out of luck", failing.Sentence);
    }

    [Fact]
    public void What_is_not_written_to_needs_nothing_and_what_is_out_of_sight_refuses_nothing()
    {
        var nothing = new Space(0, 0, 0, 0, 0).On(("/a", On(1, 0)), ("/b", On(2, 0)));
        var unseen = new Space(0, 100, 100, 0, 100).On(("/a", On(1, 0)), ("/elsewhere", null));

        Assert.Empty(Findings.OfSpace(nothing));
        Assert.Empty(Findings.OfSpace(unseen));
    }

    [Theory]
    [InlineData("deploy: {replicas: 2, resources: {reservations: {memory: 64m}}}", 128, null)]
    [InlineData("deploy: {replicas: 2, resources: {reservations: {memory: 64m}}}", 127, true)]
    [InlineData("deploy: {replicas: 2, resources: {limits: {memory: 64m}}}", 128, null)]
    [InlineData("deploy: {replicas: 2, resources: {limits: {memory: 64m}}}", 127, false)]
    // One more while they are exchanged.
    [InlineData(
        "deploy: {replicas: 2, update_config: {order: start-first}, resources: {reservations: {memory: 64m}}}",
        191,
        true
    )]
    [InlineData(
        "deploy: {replicas: 2, update_config: {order: start-first}, resources: {reservations: {memory: 64m}}}",
        192,
        null
    )]
    public void Memory_that_is_reserved_must_be_there_and_what_may_be_taken_is_said(
        string web,
        int total,
        bool? refuses
    )
    {
        var model = SampleRelease.Of($"services: {{web: {{image: \"web:1\", {web}}}, db: {{image: \"db:1\"}}}}").Model;

        Assert.Equal(refuses, Findings.OfMemory(model, total * Mebibyte).SingleOrDefault()?.Refuses);
    }

    [Fact]
    public void A_port_that_somebody_else_has_is_named_with_its_holder()
    {
        WantedPort[] wanted =
        [
            new(null, 8080, IsUdp: false, "web"),
            new(IPAddress.Loopback, 5432, IsUdp: false, "db"),
            new(null, 53, IsUdp: true, "dns"),
        ];

        var found = Findings.OfPorts(
            wanted,
            [new(IPAddress.IPv6Any, 8080, IsUdp: false), new(IPAddress.Any, 53, IsUdp: true)],
            [new(new(IPAddress.Any, 5432, IsUdp: false), "another", IsOurs: false)],
            new HashSet<int>()
        );

        Assert.Equal(
            [
                "port 8080/tcp, which web is to have, is held by another program, on ::",
                "port 5432/tcp, which db is to have, is published for the container another",
                "port 53/udp, which dns is to have, is held by another program, on 0.0.0.0",
            ],
            found.Select(f => f.Sentence)
        );
        Assert.All(found, f => Assert.True(f.Refuses));
    }

    [Fact]
    public void A_port_of_ours_another_address_and_another_protocol_are_in_nobody_s_way()
    {
        WantedPort[] wanted =
        [
            new(null, 8080, IsUdp: false, "web"),
            new(null, 9000, IsUdp: false, "stream"),
            new(null, 7000, IsUdp: false, "inside"),
            new(IPAddress.Loopback, 5432, IsUdp: false, "db"),
            new(null, 53, IsUdp: true, "dns"),
        ];

        Assert.Empty(
            Findings.OfPorts(
                wanted,
                [
                    new(IPAddress.Any, 8080, IsUdp: false),
                    new(IPAddress.Any, 9000, IsUdp: false),
                    new(IPAddress.Parse("192.0.2.1"), 5432, IsUdp: false),
                    new(IPAddress.Any, 53, IsUdp: false),
                    // An internal listener.
                    new(IPAddress.Parse("169.254.64.9"), 7000, IsUdp: false),
                ],
                [
                    new(new(IPAddress.Any, 8080, IsUdp: false), "app-web-1", IsOurs: true),
                    new(new(IPAddress.Parse("192.0.2.1"), 5432, IsUdp: false), "another", IsOurs: false),
                ],
                new HashSet<int> { 9000 }
            )
        );
    }

    [Theory]
    [InlineData("19.03.15", true, "Engine True")]
    [InlineData("20.9", true, "Engine True")]
    [InlineData("20.10.0", true, "")]
    [InlineData("28.0.0-rc.1", true, "")]
    [InlineData("a build of ours", true, "")]
    [InlineData("27.3.1+dfsg1", false, "LiveRestore False")]
    [InlineData("18.09", false, "Engine True, LiveRestore False")]
    public void An_engine_is_new_enough_and_keeps_containers_running(
        string version,
        bool liveRestore,
        string expected
    ) =>
        Assert.Equal(
            expected,
            string.Join(
                ", ",
                Findings
                    .OfEngine(new EngineInfo { ServerVersion = version, LiveRestoreEnabled = liveRestore })
                    .Select(f => $"{f.Kind} {f.Refuses}")
            )
        );

    [Theory]
    [InlineData(">=2.0.0 <3.0.0", "1.0.0", true)]
    [InlineData(">=1.0.0", "1.0.0", false)]
    [InlineData(null, "1.0.0", false)]
    [InlineData(">=2.0.0", null, false)]
    public void A_release_may_say_what_it_follows(string? range, string? installed, bool isRefused)
    {
        var document = new ReleaseDocument(
            "demo",
            SemanticVersion.TryParse("3.0.0")!,
            range is null ? null : VersionRange.TryParse(range),
            Allowances.None
        );

        var found = Findings.OfPath(document, installed is null ? null : SemanticVersion.TryParse(installed));

        Assert.Equal(isRefused, found.SingleOrDefault()?.Refuses ?? false);
    }

    [Theory]
    [InlineData(">=0.2.0", "0.2.0", false)]
    [InlineData(">=0.2.0", "0.1.9", true)]
    [InlineData(">=0.2.0 <1.0.0", "1.0.0", true)]
    [InlineData(null, "0.1.0", false)]
    // What comes before a release need not have all that the release has.
    [InlineData(">=0.2.0", "0.2.0-rc.1", true)]
    [InlineData(">=0.2.0-0", "0.2.0-rc.1", false)]
    [InlineData(">=0.2.0-rc.2", "0.2.0-rc.1", true)]
    [InlineData(">=0.2.0", "0.3.0-dev", false)]
    [InlineData("<1.0.0-0", "1.0.0-rc.1", true)]
    [InlineData("=0.2.0", "0.2.0+0a1b2c3", false)]
    [InlineData(">=0.0.0-0", "a build of ours", true)]
    public void A_release_may_require_an_agent(string? range, string version, bool isRefused)
    {
        var needed = new Requirements(range is null ? null : VersionRange.TryParse(range)!, null, null);

        var found = Findings.OfAgent(needed, new AgentVersion(version)).SingleOrDefault();

        Assert.Equal(isRefused, found?.Refuses ?? false);
        if (isRefused)
            Assert.Equal(
                (
                    FindingKind.RequiredAgent,
                    $"the release needs an agent of version {range}, and this one is {version}"
                ),
                (found!.Kind, found.Sentence)
            );
    }

    [Fact]
    public void The_version_of_an_agent_is_the_one_that_it_prints_and_releases_can_require_it()
    {
        Assert.True(AgentVersion.OfThisBuild.IsIn(VersionRange.TryParse(">=0.0.0-0")!));
        Assert.False(CommandLine.TryParse(["--version"], out _, out var ending));
        Assert.Equal($"appliance-agent {AgentVersion.OfThisBuild.Text}", ending.Message);
    }

    [Theory]
    [InlineData(null, 0L, "")]
    [InlineData(1000L, 1000L, "")]
    [InlineData(1000L, 999L, "the release needs a file system of 1000 bytes, and that of /docker has 999")]
    public void A_release_may_require_a_disk(long? needed, long size, string expected)
    {
        var found = Findings.OfRequirements(new(null, needed, null), "/docker", size, memory: 1).SingleOrDefault();

        Assert.Equal(expected, found?.Sentence ?? "");
        if (found is not null)
            Assert.Equal((FindingKind.RequiredDisk, true), (found.Kind, found.Refuses));
    }

    [Fact]
    public void A_disk_that_is_out_of_sight_refuses_nothing_and_is_told_of()
    {
        var found = Assert.Single(Findings.OfRequirements(new(null, 1000, null), "/elsewhere", null, memory: 1));

        Assert.Equal((FindingKind.RequiredDisk, false), (found.Kind, found.Refuses));
        Assert.EndsWith("how large that of /elsewhere is cannot be told", found.Sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, 1L, "")]
    [InlineData(1000L, 1000L, "")]
    // What the kernel keeps for itself.
    [InlineData(1000L, 920L, "")]
    [InlineData(
        1000L,
        919L,
        "the release needs a machine with 1000 bytes of memory, of which 920 have to be there, and this one has 919"
    )]
    // Sold as 4 GB; sold as 2.
    [InlineData(4L << 30, 4_109_107_200L, "")]
    [InlineData(
        4L << 30,
        2_079_621_120L,
        "the release needs a machine with 4294967296 bytes of memory, of which 3951369912 have to be there, and this one has 2079621120"
    )]
    // The engine does not say.
    [InlineData(1000L, 0L, "")]
    public void A_release_may_require_memory_of_which_the_kernel_keeps_some(long? needed, long total, string expected)
    {
        var found = Findings.OfRequirements(new(null, null, needed), "/docker", size: 0, total).SingleOrDefault();

        Assert.Equal(expected, found?.Sentence ?? "");
        if (found is not null)
            Assert.Equal((FindingKind.RequiredMemory, true), (found.Kind, found.Refuses));
    }

    [Fact]
    public void A_clock_is_doubted_when_nothing_keeps_it_and_when_it_is_before_what_was_signed()
    {
        Assert.Empty(Findings.OfClock(Noon, Noon, isSynchronised: true));
        Assert.Empty(Findings.OfClock(Noon, Noon, isSynchronised: null));
        var both = Findings.OfClock(Noon, Noon.AddDays(1), isSynchronised: false).ToList();
        Assert.Equal(2, both.Count);
        Assert.All(both, f => Assert.False(f.Refuses));
        Assert.StartsWith("the clock says 2026-01-15", both[0].Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_well_now_is_named_and_what_is_stopped_is_not()
    {
        var well = Views.Service("web");
        var ill = Views.Service("db") with { State = ServiceState.Unhealthy, Explanation = "It does not answer." };
        var stopped = Views.Service("mail") with { State = ServiceState.Stopped };

        var finding = Assert.Single(Findings.OfHealth(Views.Of(well, ill, stopped)));

        Assert.Equal(("db is not well now: It does not answer", false), (finding.Sentence, finding.Refuses));
    }

    [Fact]
    public void What_is_under_way_has_to_end_first()
    {
        Assert.Empty(Findings.OfPending(null, null, null));

        var found = Findings.OfPending(new Hold(Noon, null, "alice", "a new disk"), null, null).ToList();

        Assert.StartsWith("alice holds the appliance", Assert.Single(found).Sentence, StringComparison.Ordinal);
        Assert.True(found[0].Refuses);
    }

    private static DiskSpace On(ulong device, long free) => new(free, null) { Device = device };
}
