using System.Text;

namespace Appliance.Cli.Output;

/// <summary>Standard output or standard error, and what it can show.</summary>
internal sealed class Screen(TextWriter writer, bool color, bool redraws, int? width)
{
    // A serial line does not say how wide it is; a line that wraps could not be taken back.
    private const int UsualWidth = 80;

    private bool passing;

    /// <summary>Columns of the terminal; null where there is none, and so no reason to cut anything.</summary>
    public int? Width => width;

    /// <summary>Whether a line can be taken back: on a terminal that moves its cursor.</summary>
    public bool Redraws => redraws;

    public static Screen Stdout(bool color) =>
        Of(Descriptor.Stdout, color, isTerminal: !Console.IsOutputRedirected, autoFlush: false);

    public static Screen Stderr(bool color) =>
        Of(Descriptor.Stderr, color, isTerminal: !Console.IsErrorRedirected, autoFlush: true);

    /// <summary>In colour where that is understood and wanted, else as it is.</summary>
    public string Paint(string text, Style style) =>
        color && style != Style.Plain ? $"\e[{(int)style}m{text}\e[0m" : text;

    public void Write(string text)
    {
        ErasePassing();
        writer.Write(text);
    }

    public void WriteLine(string line = "")
    {
        ErasePassing();
        writer.WriteLine(line);
    }

    /// <summary>Shows a line until the next one takes its place; nothing where lines cannot be taken back.</summary>
    public void ShowPassing(string line)
    {
        if (!redraws)
            return;
        var room = (width ?? UsualWidth) - 1;
        writer.Write($"\r{(line.Length > room ? line[..room] : line)}\e[K");
        passing = true;
    }

    public void ErasePassing()
    {
        if (!passing)
            return;
        passing = false;
        writer.Write("\r\e[K");
    }

    public void Flush() => writer.Flush();

    private static Screen Of(Descriptor descriptor, bool color, bool isTerminal, bool autoFlush) =>
        new(
            new StreamWriter(descriptor, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 4096)
            {
                AutoFlush = autoFlush,
                NewLine = "\n",
            },
            color && isTerminal,
            isTerminal && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb"),
            isTerminal ? descriptor.Columns : null
        );
}
