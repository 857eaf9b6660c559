using Appliance.Cli.Commands;
using Appliance.Cli.Output;
using Google.Protobuf.WellKnownTypes;

namespace Agent.Cli.Tests;

/// <summary>Words for moments, and moments from words.</summary>
public sealed class TextTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(0, "just now")]
    [InlineData(12, "12 s ago")]
    [InlineData(99, "99 s ago")]
    [InlineData(190, "3 min ago")]
    [InlineData(3 * 3600 + 5, "3 h ago")]
    [InlineData(72 * 3600, "3 days ago")]
    [InlineData(-12, "in 12 s")]
    public void Moments_are_told_as_a_person_does(int secondsAgo, string words) =>
        Assert.Equal(words, Ages.Ago((Now - TimeSpan.FromSeconds(secondsAgo)).ToTimestamp(), Now));

    [Theory]
    [InlineData("90s", "2026-01-15T11:58:30Z")]
    [InlineData("10m", "2026-01-15T11:50:00Z")]
    [InlineData("1h30m", "2026-01-15T10:30:00Z")]
    [InlineData("2d", "2026-01-13T12:00:00Z")]
    [InlineData("999999999d", "1970-01-01T00:00:00Z")]
    [InlineData("2026-01-15T11:00:00+01:00", "2026-01-15T10:00:00Z")]
    public void A_moment_is_a_span_back_from_now_or_a_time(string text, string moment) =>
        Assert.Equal(DateTimeOffset.Parse(moment), Moments.Parse(text, Now));

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("10")]
    [InlineData("10m5")]
    [InlineData("-10m")]
    [InlineData("1y")]
    [InlineData("yesterday")]
    [InlineData("99999999999h")]
    public void Anything_else_is_no_moment(string text) => Assert.Null(Moments.Parse(text, Now));

    [Theory]
    [InlineData("plain ünïcode 漢字 \t tab", "plain ünïcode 漢字 \t tab")]
    [InlineData("\e[1;31mred\e[0m", "red")]
    [InlineData("\e[31", @"\x1b[31")]
    [InlineData("\e", @"\x1b")]
    [InlineData("a\nb\rc\0d\u007f\u0085", @"a\nb\rc\x00d\x7f\x85")]
    [InlineData("\u202eabc\u2028", @"\u202eabc\u2028")]
    public void Text_from_elsewhere_becomes_one_harmless_line(string text, string printed) =>
        Assert.Equal(printed, Text.OneLine(text));

    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(999, "999 bytes")]
    [InlineData(1000, "1.0 kB")]
    [InlineData(9_940_000, "9.9 MB")]
    [InlineData(9_960_000, "10 MB")]
    [InlineData(999_499_999, "999 MB")]
    [InlineData(999_600_000, "1.0 GB")]
    [InlineData(1_500_000_000, "1.5 GB")]
    [InlineData(long.MaxValue, "9.2 EB")]
    public void Sizes_are_told_as_disks_are_sold(long bytes, string words) => Assert.Equal(words, Sizes.Of(bytes));

    [Theory]
    [InlineData(0, 3_400_000_000, "0 bytes of 3.4 GB, 0 %")]
    [InlineData(1_200_000_000, 3_400_000_000, "1.2 GB of 3.4 GB, 35 %")]
    [InlineData(3_399_999_999, 3_400_000_000, "3.4 GB of 3.4 GB, 99 %")]
    [InlineData(1000, 0, "1.0 kB")]
    public void A_part_is_all_of_it_only_at_the_end(long done, long total, string words) =>
        Assert.Equal(words, Sizes.Part(done, total));
}
