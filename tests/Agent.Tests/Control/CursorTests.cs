using Appliance.Agent.Control;
using Appliance.Docker;

namespace Appliance.Agent.Tests.Control;

public sealed class CursorTests
{
    private static readonly DateTimeOffset T = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Lines_that_were_read_before_are_passed_over_after_a_break()
    {
        var cursor = new ContainerLogs.Cursor(null);
        Assert.True(cursor.Take(Line(1)));
        Assert.True(cursor.Take(Line(2)));
        Assert.True(cursor.Take(Line(2)));
        Assert.Equal(T.AddSeconds(2), cursor.Since);

        // The engine gives what is of that time again, then what is new: of the same time, and later.
        cursor.Resume();
        Assert.False(cursor.Take(Line(2)));
        Assert.False(cursor.Take(Line(2)));
        Assert.True(cursor.Take(Line(2)));
        Assert.True(cursor.Take(Line(3)));
        cursor.Resume();
        Assert.False(cursor.Take(Line(3)));
        Assert.True(cursor.Take(Line(3)));
    }

    [Fact]
    public void A_log_that_was_rotated_away_hides_nothing_new()
    {
        var cursor = new ContainerLogs.Cursor(null);
        cursor.Take(Line(1));
        cursor.Take(Line(1));
        cursor.Resume();
        Assert.True(cursor.Take(Line(2)));
        Assert.True(cursor.Take(Line(2)));
    }

    private static LogLine Line(int second) => new(OutputSource.Stdout, T.AddSeconds(second), "text", Continues: false);
}
