using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>Lines of several containers in one stream, each behind its name and in its colour.</summary>
internal sealed class LogsView(bool timestamps, bool prefix)
{
    // Red is for what goes wrong.
    private static readonly Style[] Palette =
    [
        Style.Cyan,
        Style.Yellow,
        Style.Green,
        Style.Magenta,
        Style.Blue,
        Style.BrightCyan,
        Style.BrightYellow,
        Style.BrightGreen,
        Style.BrightMagenta,
        Style.BrightBlue,
    ];

    private readonly Dictionary<string, (string Name, Style Style)> known = [];
    private int width;

    public bool Prefix => prefix;

    public void MakeRoomFor(IEnumerable<string> names) => width = names.Select(n => n.Length).Append(width).Max();

    public void Write(Screen screen, LogLine line)
    {
        if (prefix)
            WritePrefix(screen, line);
        if (timestamps && line.Time is { } time)
            screen.Write($"{time.ToDateTimeOffset():yyyy-MM-ddTHH:mm:ss}.{time.Nanos:D9}Z ");
        screen.WriteLine(Text.OneLine(line.Text));
    }

    private void WritePrefix(Screen screen, LogLine line)
    {
        if (!known.TryGetValue(line.Container, out var source))
        {
            source = (Text.OneLine(ShortName(line)), Palette[known.Count % Palette.Length]);
            known.Add(line.Container, source);
            MakeRoomFor([source.Name]);
        }
        screen.Write(screen.Paint(source.Name.PadRight(width), source.Style));
        // Told apart without colours too, as in a file.
        screen.Write(line.Stream == LogLine.Types.Stream.Stderr ? screen.Paint(" !| ", Style.Red) : "  | ");
    }

    /// <summary>"web-1" of "shop-web-1": the product is the same for all.</summary>
    private static string ShortName(LogLine line)
    {
        var at = line.Container.LastIndexOf($"-{line.Service}-", StringComparison.Ordinal);
        return at < 0 || line.Service.Length == 0 ? line.Container : line.Container[(at + 1)..];
    }
}
