using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Tests.Supervision;

public sealed class LadderTests
{
    private static readonly DateTimeOffset Now = Scenario.Now;
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public void What_ends_is_restarted_then_made_anew_then_made_from_an_image_loaded_again()
    {
        var rungs = Enumerable
            .Range(0, 8)
            .Select(tries => Ladder.Default.After(tries, Cause.Ended, mayReload: tries < 6));

        Assert.Equal(
            [
                Rung.Restart,
                Rung.Restart,
                Rung.Restart,
                Rung.Recreate,
                Rung.Restart,
                Rung.ReloadImage,
                Rung.Restart,
                Rung.Restart,
            ],
            rungs
        );
    }

    [Theory]
    [InlineData(nameof(Cause.Ended), nameof(Rung.ReloadImage))]
    [InlineData(nameof(Cause.Unhealthy), nameof(Rung.ReloadImage))]
    [InlineData(nameof(Cause.Refused), nameof(Rung.ReloadImage))]
    [InlineData(nameof(Cause.OutOfMemory), nameof(Rung.Recreate))]
    [InlineData(nameof(Cause.Names), nameof(Rung.Recreate))]
    [InlineData(nameof(Cause.PortTaken), nameof(Rung.Restart))]
    [InlineData(nameof(Cause.EngineBooks), nameof(Rung.Restart))]
    [InlineData(nameof(Cause.Stuck), nameof(Rung.Restart))]
    [InlineData(nameof(Cause.DiskFull), nameof(Rung.Restart))]
    [InlineData(nameof(Cause.DiskReadOnly), nameof(Rung.Restart))]
    [InlineData(nameof(Cause.MemoryShort), nameof(Rung.Restart))]
    public void A_rung_that_cannot_help_against_a_cause_is_not_taken(string cause, string highest)
    {
        var against = Enum.Parse<Cause>(cause);

        var taken = Enumerable
            .Range(0, 2000)
            .Select(tries => Ladder.Default.After(tries, against, mayReload: true))
            .Max();

        Assert.Equal(Enum.Parse<Rung>(highest), taken);
        Assert.Equal(taken > Rung.Restart, Ladder.Default.IsPast(Ladder.Default.Top, against));
        Assert.False(Ladder.Default.IsPast(Ladder.Default.Top - 1, against));
    }

    [Fact]
    public void Past_the_last_rung_another_container_is_rare_and_never_ends()
    {
        var rungs = Enumerable
            .Range(Ladder.Default.Top, 3600)
            .Select(tries => Ladder.Default.After(tries, Cause.Unhealthy, mayReload: false))
            .ToList();

        Assert.Equal(360, rungs.Count(r => r is Rung.Recreate));
        Assert.DoesNotContain(Rung.ReloadImage, rungs);
    }

    [Fact]
    public void An_image_that_could_not_be_loaded_again_at_its_turn_is_as_soon_as_it_can_be()
    {
        Assert.Equal(Rung.Recreate, Ladder.Default.After(5, Cause.Ended, mayReload: false));
        Assert.Equal(Rung.ReloadImage, Ladder.Default.After(17, Cause.Ended, mayReload: true));
    }

    [Fact]
    public void Another_cause_is_a_new_beginning_once_and_two_that_take_turns_are_not_one_each_time()
    {
        var backoff = Scenario.Backoff;
        RestartRecord? record = null;
        var streaks = new List<int>();
        foreach (
            var cause in (Cause[])[Cause.Ended, Cause.Ended, Cause.Unhealthy, Cause.Ended, Cause.Unhealthy, Cause.Ended]
        )
        {
            var streak = backoff.StreakAfter(record, TimeSpan.Zero, cause);
            streaks.Add(streak);
            record = backoff.Next(record, "web/1", streak, cause, Now, "");
        }

        Assert.Equal([0, 1, 0, 1, 2, 3], streaks);
    }

    [Fact]
    public void A_stable_run_forgives_the_causes_too()
    {
        var backoff = Scenario.Backoff;
        var record = backoff.Next(null, "web/1", 0, Cause.Ended, Now, "");
        record = backoff.Next(record, "web/1", 1, Cause.Unhealthy, Now, "");
        Assert.Equal("Ended Unhealthy", record.Causes);

        record = backoff.Next(
            record,
            "web/1",
            backoff.StreakAfter(record, backoff.Stable, Cause.Ended),
            Cause.Ended,
            Now,
            ""
        );

        Assert.Equal((1, "Ended"), (record.Streak, record.Causes));
    }

    [Fact]
    public void What_the_machine_has_is_tried_at_the_longest_pace_and_is_a_new_beginning_when_it_is_over()
    {
        var backoff = Scenario.Backoff;
        var record = backoff.Next(null, "web/1", 0, Cause.Ended, Now, "");

        Assert.Equal(1, backoff.StreakAfter(record, TimeSpan.Zero, Cause.DiskFull));
        Assert.InRange(backoff.DelayAfter(1, "web/1", null, Cause.DiskFull), Second * 48, Second * 72);
        record = backoff.Next(record, "web/1", 1, Cause.DiskFull, Now, "");
        Assert.Equal(2, backoff.StreakAfter(record, TimeSpan.Zero, Cause.DiskFull));

        Assert.Equal(0, backoff.StreakAfter(record, TimeSpan.Zero, Cause.Ended));
    }

    [Fact]
    public void A_record_of_an_agent_that_knew_no_causes_counts_as_it_did() =>
        Assert.Equal(
            7,
            Scenario.Backoff.StreakAfter(new RestartRecord("web/1", 7, 7, Now, Now, ""), TimeSpan.Zero, Cause.Unhealthy)
        );

    [Theory]
    [InlineData(
        "driver failed programming external connectivity on endpoint app-web-1 (b1): Bind for 0.0.0.0:8080 failed: port is already allocated",
        nameof(Cause.EngineBooks),
        8080
    )]
    [InlineData("endpoint with name app-web-1 already exists in network app_default", nameof(Cause.EngineBooks), null)]
    [InlineData(
        "Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use",
        nameof(Cause.PortTaken),
        null
    )]
    [InlineData("tried to kill container, but did not receive an exit event", nameof(Cause.Stuck), null)]
    [InlineData("exec: \"/app\": stat /app: no such file or directory", nameof(Cause.Refused), null)]
    public void What_the_engine_says_names_the_cause(string error, string cause, int? port)
    {
        Assert.Equal(Enum.Parse<Cause>(cause), Causes.OfRefusal(error));
        Assert.Equal(port, Causes.BookedPortIn(error));
    }

    [Theory]
    [InlineData("wget: bad address 'db:5432'", true)]
    [InlineData("psql: could not translate host name: Temporary failure in name resolution", true)]
    [InlineData("dial tcp: lookup db on 127.0.0.11:53: server misbehaving", true)]
    [InlineData("getaddrinfo ENOTFOUND db", true)]
    [InlineData("HTTP 500 Internal Server Error", false)]
    [InlineData("connection refused", false)]
    public void A_check_that_cannot_resolve_a_name_says_so(string output, bool isOfNames) =>
        Assert.Equal(isOfNames ? Cause.Names : Cause.Unhealthy, Causes.OfCheck(output));
}
