using Appliance.Agent.Storage;
using Appliance.Agent.Updates;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What earlier operations tell about how long the next one takes.</summary>
public sealed class ExperienceTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_machine_that_has_done_nothing_yet_foretells_nothing()
    {
        var none = Experience.Of([]);

        Assert.Null(none.DurationOf(1000, [], TimeSpan.Zero));
        Assert.Null(none.DurationOf(0, ["web"], TimeSpan.Zero));
        Assert.Null(none.Of("web"));
    }

    [Fact]
    public void What_has_nothing_to_load_and_nothing_to_exchange_takes_what_is_waited_for() =>
        Assert.Equal(TimeSpan.FromSeconds(5), Experience.Of([]).DurationOf(0, [], TimeSpan.FromSeconds(5)));

    [Fact]
    public void The_newest_counts_and_what_was_never_exchanged_takes_as_long_as_the_others()
    {
        var experience = Experience.Of([
            Past(
                1000,
                Step(0, Phase.Loading, StepOutcome.Begun),
                Step(10, Phase.Loaded, StepOutcome.Done),
                Step(10, Phase.Switching, StepOutcome.Begun, "web"),
                Step(14, Phase.Switching, StepOutcome.Done, "web")
            ),
            Past(
                9000,
                Step(0, Phase.Loading, StepOutcome.Begun),
                Step(1, Phase.Loaded, StepOutcome.Done),
                Step(10, Phase.Switching, StepOutcome.Begun, "web"),
                Step(99, Phase.Switching, StepOutcome.Done, "web"),
                Step(99, Phase.Switching, StepOutcome.Begun, "db"),
                Step(119, Phase.Switching, StepOutcome.Done, "db")
            ),
        ]);

        Assert.Equal(TimeSpan.FromSeconds(4), experience.Of("web"));
        Assert.Equal(TimeSpan.FromSeconds(20), experience.Of("db"));
        // 500 bytes at 100 a second, web, one that is new, and the watch.
        Assert.Equal(
            TimeSpan.FromSeconds(5 + 4 + 20 + 3),
            experience.DurationOf(500, ["web", "new"], TimeSpan.FromSeconds(3))
        );
    }

    [Fact]
    public void A_trial_before_an_exchange_is_no_part_of_it()
    {
        var experience = Experience.Of([
            Past(
                0,
                Step(0, Phase.Switching, StepOutcome.Begun, "web"),
                Step(300, Phase.Switching, StepOutcome.Begun, "web"),
                Step(302, Phase.Switching, StepOutcome.Done, "web")
            ),
        ]);

        Assert.Equal(TimeSpan.FromSeconds(2), experience.Of("web"));
        Assert.Null(experience.BytesPerSecond);
    }

    private static PastOperation Past(long bytes, params OperationStep[] steps) =>
        new([.. steps.Select((s, i) => s with { Sequence = i + 1 })], bytes);

    private static OperationStep Step(int at, Phase phase, StepOutcome outcome, string? service = null) =>
        new(0, Noon.AddSeconds(at), phase, outcome, service, "");
}
