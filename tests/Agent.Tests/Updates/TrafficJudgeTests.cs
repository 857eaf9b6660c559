using Appliance.Agent.Updates;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What speaks against new containers, and what does not.</summary>
public sealed class TrafficJudgeTests
{
    private static readonly Tally Usual = new(10_000, 0, TimeSpan.FromMilliseconds(20));

    [Theory]
    [InlineData(4, 2, false)]
    [InlineData(4, 3, true)]
    [InlineData(200, 3, false)]
    [InlineData(1_000, 50, true)]
    [InlineData(1_000, 12, false)]
    public void Errors_count_once_they_cannot_be_chance(long requests, long failed, bool isCondemned) =>
        Assert.Equal(isCondemned, TrafficJudge.OfErrors("web", new(requests, failed, null), Usual, 0.01m) is not null);

    [Fact]
    public void What_fails_as_often_as_before_is_no_worse() =>
        Assert.Null(TrafficJudge.OfErrors("web", new(1_000, 50, null), Usual with { Failed = 500 }, 0.01m));

    [Theory]
    [InlineData(500, false, false)]
    [InlineData(500, true, true)]
    [InlineData(3_000, false, true)]
    [InlineData(20, true, false)]
    public void Slow_answers_count_once_they_are_not_the_first(long requests, bool isOver, bool isCondemned) =>
        Assert.Equal(
            isCondemned,
            TrafficJudge.OfTimes("web", new(requests, 0, TimeSpan.FromSeconds(2)), Usual, isOver) is not null
        );

    [Theory]
    [InlineData(59)]
    [InlineData(119)]
    public void What_is_little_slower_or_by_little_time_is_not_slow(int milliseconds) =>
        Assert.Null(
            TrafficJudge.OfTimes("web", new(3_000, 0, TimeSpan.FromMilliseconds(milliseconds)), Usual, isOver: true)
        );
}
