namespace Appliance.Cli.Output;

/// <summary>
/// How far something is, for who waits: one line that is drawn again on a terminal, and elsewhere, as in the log of a
/// script, a line now and then.
/// </summary>
internal sealed class Progress(Screen screen, TimeProvider clock)
{
    // Faster than this nobody reads; the slower the less a long log is filled.
    private static readonly TimeSpan BetweenDrawings = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);

    private readonly TimeSpan pace = screen.Redraws ? BetweenDrawings : BetweenLines;
    private long last = clock.GetTimestamp();

    /// <summary>Shows it if it is time to, or in any case.</summary>
    public void Show(Func<string> line, bool inAnyCase = false)
    {
        if (!inAnyCase && clock.GetElapsedTime(last) < pace)
            return;
        last = clock.GetTimestamp();
        if (screen.Redraws)
            screen.ShowPassing(Text.OneLine(line()));
        else
            screen.WriteLine(Text.OneLine(line()));
    }
}
