namespace Appliance.Cli.Output;

/// <summary>A cell of a table; its text is printed as one line whatever is in it.</summary>
internal readonly record struct Cell(string Value, Style Style = Style.Plain)
{
    public static implicit operator Cell(string value) => new(value);

    public static implicit operator Cell(int value) => new($"{value}");
}

/// <summary>Aligned columns. Where they are wider than the terminal, the last one is cut.</summary>
internal sealed class Table(params string[] headers)
{
    private const string Gap = "   ";

    private readonly List<Row> rows = [];

    public void Add(params Cell[] cells) =>
        rows.Add(new([.. cells.Select(c => c with { Value = Text.OneLine(c.Value) })], []));

    /// <summary>Lines below the last row, which belong to it and to no column.</summary>
    public void AddBelow(IEnumerable<string> lines) => rows[^1].Below.AddRange(lines.Select(Text.OneLine));

    public void WriteTo(Screen screen, string indent = "")
    {
        var widths = WidthsFor(screen.Width - indent.Length);
        if (headers.Any(h => h.Length > 0))
            WriteRow(screen, indent, [.. headers.Select(h => new Cell(h, Style.Bold))], widths);
        foreach (var row in rows)
        {
            WriteRow(screen, indent, row.Cells, widths);
            foreach (var line in row.Below)
                screen.WriteLine($"{indent}{Gap}{line}");
        }
    }

    private int[] WidthsFor(int? available)
    {
        var widths = headers
            .Select((h, i) => rows.Select(r => r.Cells[i].Value.Length).Append(h.Length).Max())
            .ToArray();
        var before = widths[..^1].Sum(w => w + Gap.Length);
        // On a terminal too narrow even for the first columns, wrapping beats showing nothing.
        if (available - before is { } left && left >= headers[^1].Length + 1 && left < widths[^1])
            widths[^1] = left;
        return widths;
    }

    private static void WriteRow(Screen screen, string indent, Cell[] cells, int[] widths)
    {
        // Trailing blanks would wrap a line that else fits.
        var last = Array.FindLastIndex(cells, c => c.Value.Length > 0);
        screen.Write(indent);
        for (var i = 0; i <= last; i++)
        {
            var text = cells[i].Value.Length > widths[i] ? cells[i].Value[..(widths[i] - 1)] + "…" : cells[i].Value;
            screen.Write(screen.Paint(text, cells[i].Style));
            if (i < last)
                screen.Write(new string(' ', widths[i] - text.Length) + Gap);
        }
        screen.WriteLine();
    }

    private sealed record Row(Cell[] Cells, List<string> Below);
}
