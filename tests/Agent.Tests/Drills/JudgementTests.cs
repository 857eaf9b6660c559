using Appliance.Agent.Drills;
using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Appliance.Docker;

namespace Appliance.Agent.Tests.Drills;

/// <summary>What is expected, where it is asked, and what is made of what was seen.</summary>
public sealed class JudgementTests
{
    private static readonly Expectation Expected = new(Course.Healed, Seconds(5), Seconds(20));

    [Theory]
    [InlineData(1.0, 10.0, DisasterOutcome.Passed, "")]
    [InlineData(null, 10.0, DisasterOutcome.Failed, "it was not noticed within 5 s")]
    [InlineData(6.0, 10.0, DisasterOutcome.Failed, "it was noticed later than within 5 s")]
    [InlineData(1.0, null, DisasterOutcome.Failed, "it was not recovered from within 20 s: web: it is down")]
    [InlineData(1.0, 21.0, DisasterOutcome.Failed, "it was recovered from later than within 20 s")]
    public void A_disaster_is_passed_when_it_was_noticed_and_recovered_from_in_time(
        double? noticed,
        double? recovered,
        object outcome,
        string why
    ) =>
        Assert.Equal(
            ((DisasterOutcome)outcome, why),
            Judgement.Of(
                Expected,
                new Sighting(
                    noticed is { } n ? Seconds(n) : null,
                    "",
                    recovered is { } r ? Seconds(r) : null,
                    "web: it is down"
                )
            )
        );

    [Fact]
    public void What_need_not_be_noticed_is_passed_without()
    {
        var expected = Expected with { Course = Course.HeldFor, DetectWithin = null };
        Assert.Equal(DisasterOutcome.Passed, Judgement.Of(expected, new Sighting(null, "", Seconds(1), "")).Outcome);
    }

    [Fact]
    public void A_drill_fails_with_its_first_failure_and_is_refused_when_nothing_of_it_was_run()
    {
        var (passed, failed, notRun) = (
            Of(DisasterOutcome.Passed, ""),
            Of(DisasterOutcome.Failed, "late"),
            Of(DisasterOutcome.NotRun, "not here")
        );
        Assert.Equal((DrillState.Done, ""), End([passed, notRun]));
        Assert.Equal((DrillState.Failed, "kill-service: late"), End([passed, failed, notRun]));
        Assert.Equal((DrillState.Refused, "kill-service: not here"), End([notRun]));
        Assert.Equal((DrillState.Cancelled, "uid:0 asked for it"), End([passed, notRun], "uid:0"));
        Assert.Equal(
            (DrillState.Cancelled, "uid:0 asked for it; kill-service: late"),
            End([passed, failed, notRun], "uid:0")
        );
        Assert.Equal(
            "1 of 3 disasters were recovered from in time, 1 were not, 1 were not run",
            Judgement.Of([passed, failed, notRun], null).Sentence
        );

        static (DrillState, string) End(IReadOnlyList<DisasterRecord> disasters, string? by = null) =>
            Judgement.Of(disasters, by) is var (state, _, reason) ? (state, reason) : default;
    }

    [Theory]
    [InlineData("8:2", "8:2", false)] // the appliance: state and engine on one partition for data
    [InlineData("8:2", "8:3", true)]
    [InlineData("8:1", "8:3", false)] // a machine with nothing but its root
    [InlineData("8:2", "", false)] // an engine that has not said where it is
    public void A_disk_is_filled_only_where_neither_the_machine_nor_the_engine_keeps_anything(
        string state,
        string engine,
        bool isAlone
    )
    {
        var table = $"""
            1 0 8:1 / / rw - ext4 /dev/sda1 rw
            2 1 {state} /agent /var/lib/appliance-agent rw - ext4 /dev/sda rw
            """;
        if (engine.Length > 0)
            table += $"\n3 1 {engine} /docker /var/lib/docker rw - ext4 /dev/sda rw";

        Assert.Equal(
            isAlone,
            FillDisk.IsAlone(table, "/var/lib/appliance-agent", engine.Length > 0 ? "/var/lib/docker" : "")
        );
    }

    [Fact]
    public void The_time_that_a_service_needs_is_what_its_probes_and_its_health_check_declare()
    {
        var timing = new ProbeTiming(Seconds(2), Seconds(1), Seconds(30), HealthyAfter: 1, UnhealthyAfter: 3);
        Probe[] probes =
        [
            new TcpProbe(80, timing),
            new TcpProbe(80, timing with { Interval = Seconds(60), StartPeriod = default })
            {
                Role = ProbeRole.Readiness,
            },
        ];
        Assert.Equal(new Timings(Seconds(7), Seconds(61), Seconds(10)), Timings.Of(probes, null, Seconds(10)));
        Assert.Equal(new Timings(null, Seconds(61), Seconds(10)), Timings.Of(probes[1..], null, Seconds(10)));
        var check = new HealthcheckSpec
        {
            Test = ["CMD", "true"],
            Interval = Seconds(1),
            Timeout = Seconds(1),
            Retries = 2,
        };
        Assert.Equal(new Timings(Seconds(3), Seconds(2), default), Timings.Of([], check, default));
        Assert.Null(Timings.Of([], new HealthcheckSpec { Test = ["NONE"] }, default).Notice);
    }

    [Fact]
    public void A_service_is_asked_where_its_clients_come_to()
    {
        var options = new IngressOptions
        {
            RedirectHttp = false,
            HttpPort = 8000,
            HttpsPort = 8443,
        };
        var probe = new HttpProbe(
            80,
            "/app/live",
            "http",
            [],
            null,
            new Dictionary<string, string>(),
            ProbeTiming.Default
        );
        var route = new IngressRoute(IngressProtocol.Http, 80, null, "/app", null);

        Assert.Equal("http://127.0.0.1:8000/app", $"{Doors.OfRoutes([route], [], options)}");
        Assert.Equal("http://127.0.0.1:8000/app/live", $"{Doors.OfRoutes([route], [probe], options)}");
        Assert.Equal(
            "http://127.0.0.1:8000/app",
            $"{Doors.OfRoutes([route], [probe with { Path = "/other" }], options)}"
        );
        options.RedirectHttp = true;
        Assert.Equal(
            "https://127.0.0.1:8443/app (host drill.example.com)",
            $"{Doors.OfRoutes([route with { Host = "*.example.com" }], [], options)}"
        );
        var tcp = new IngressRoute(IngressProtocol.Tcp, 5432, null, "/", 15432);
        Assert.Equal("tcp://127.0.0.1:15432/", $"{Doors.OfRoutes([tcp], [], options)}");

        Assert.Equal("tcp://127.0.0.1:8080/", $"{Doors.OfPorts(["0.0.0.0:8080->81/tcp"], [probe])}");
        Assert.Equal("http://10.0.0.1:8080/app/live", $"{Doors.OfPorts(["10.0.0.1:8080->80/tcp"], [probe])}");
        Assert.Equal("http://127.0.0.1:8080/app/live", $"{Doors.OfPorts(["[::]:8080->80/tcp"], [probe])}");
        Assert.Null(Doors.OfPorts(["80/tcp", "0.0.0.0:53->53/udp"], []));
    }

    private static DisasterRecord Of(DisasterOutcome outcome, string why) =>
        new(
            1,
            "kill-service",
            "web",
            DisasterPhase.Ended,
            null,
            "",
            0,
            DisasterResult.Pending with
            {
                Outcome = outcome,
                Why = why,
            }
        );

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
