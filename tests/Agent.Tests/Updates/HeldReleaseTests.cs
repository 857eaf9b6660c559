using Appliance.Agent.Updates;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What waits to be installed waits for its time, and is gone for good after it.</summary>
public sealed class HeldReleaseTests
{
    private static readonly Staged Taken = new(null!, null!, null!, null!, default, false, 0, 0);

    private readonly TwoClocks clocks = new();
    private readonly UpdatesOptions options = new() { StagedFor = TimeSpan.FromHours(1) };

    private HeldRelease Held() => new(new Fixed(options), clocks);

    [Fact]
    public void What_has_waited_its_time_does_not_come_back_when_the_clock_is_set_back()
    {
        using var held = Held();
        held.Hold(Taken, () => { });
        clocks.Pass(TimeSpan.FromMinutes(59));
        Assert.Same(Taken, held.Current);
        clocks.Pass(TimeSpan.FromMinutes(1));
        Assert.Null(held.Current);

        clocks.Wall -= TimeSpan.FromDays(1);
        Assert.Null(held.Current);
    }

    [Fact]
    public void A_clock_that_is_set_right_takes_nothing_away()
    {
        using var held = Held();
        held.Hold(Taken, () => { });
        clocks.Wall += TimeSpan.FromDays(400);
        Assert.Same(Taken, held.Current);
    }

    [Fact]
    public void When_it_is_told_to_have_expired_it_is_gone()
    {
        using var held = Held();
        Staged? then = Taken;
        held.Hold(Taken, () => then = held.Current);
        // A little early, as a timer may be.
        clocks.Fire();
        Assert.Null(then);
        Assert.Null(held.Drop());
    }

    [Fact]
    public void What_is_dropped_is_given_back_once()
    {
        using var held = Held();
        Assert.Null(held.Drop());
        held.Hold(Taken, () => { });
        Assert.Same(Taken, held.Drop());
        Assert.Null(held.Drop());
    }

    /// <summary>One that people set, and one that only passes.</summary>
    private sealed class TwoClocks : TimeProvider
    {
        private long passed;

        public DateTimeOffset Wall { get; set; } = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

        public Action Fire { get; private set; } = () => { };

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Pass(TimeSpan time)
        {
            passed += time.Ticks;
            Wall += time;
        }

        public override DateTimeOffset GetUtcNow() => Wall;

        public override long GetTimestamp() => passed;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Fire = () => callback(state);
            return System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed class Fixed(UpdatesOptions options) : IOptionsMonitor<UpdatesOptions>
    {
        public UpdatesOptions CurrentValue => options;

        public UpdatesOptions Get(string? name) => options;

        public IDisposable? OnChange(Action<UpdatesOptions, string?> listener) => null;
    }
}
