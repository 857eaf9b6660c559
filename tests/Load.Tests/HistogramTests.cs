namespace Appliance.Load.Tests;

public sealed class HistogramTests
{
    [Fact]
    public void Its_buckets_follow_each_other_without_a_gap()
    {
        long lowest = 0;
        for (var bucket = 0; bucket < 1500; bucket++)
        {
            var highest = Histogram.HighestOf(bucket);
            Assert.Equal(bucket, Histogram.IndexOf(lowest));
            Assert.Equal(bucket, Histogram.IndexOf(highest));
            Assert.True(highest - lowest <= lowest / 64.0);
            lowest = highest + 1;
        }
    }

    [Fact]
    public void What_it_is_asked_for_is_exact_to_1_6_percent()
    {
        var histogram = new Histogram();
        for (var i = 1; i <= 10_000; i++)
            histogram.Add(TimeSpan.FromMilliseconds(i));
        Assert.InRange(histogram.Quantile(0.5).TotalMilliseconds, 5000, 5080);
        Assert.InRange(histogram.Quantile(0.99).TotalMilliseconds, 9900, 10_000);
        Assert.Equal(TimeSpan.FromSeconds(10), histogram.Quantile(1));
        Assert.Equal(TimeSpan.FromSeconds(10), histogram.Max);
    }

    [Fact]
    public void Of_nothing_it_says_zero()
    {
        Assert.Equal(TimeSpan.Zero, new Histogram().Quantile(0.99));
    }

    [Fact]
    public void A_time_beyond_all_buckets_is_counted_in_the_last()
    {
        var histogram = new Histogram();
        histogram.Add(TimeSpan.MaxValue);
        histogram.Add(TimeSpan.FromSeconds(-1));
        Assert.Equal(2, histogram.Count);
        Assert.Equal(TimeSpan.Zero, histogram.Quantile(0.5));
    }

    [Fact]
    public void A_mix_is_spread_evenly()
    {
        Assert.Equal(
            [RequestKind.KeptAlive, RequestKind.KeptAlive, RequestKind.New, RequestKind.KeptAlive],
            new Mix(KeptAlive: 3, New: 1, Post: 0, Http2: 0).Round(http2: true)
        );
        Assert.Equal(6, new Mix(5, 2, 2, 1).Round(http2: false).Count(k => k == RequestKind.KeptAlive));
        Assert.Throws<ArgumentException>(() => new Mix(0, 0, 0, 0).Round(http2: true));
    }
}
