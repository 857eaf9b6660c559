using System.Text;

namespace Appliance.Cli.Output;

/// <summary>Standard output or standard error, and what it can show.</summary>
internal sealed class Screen(TextWriter writer, bool color, int? width)
{
    /// <summary>Columns of the terminal; null where there is none, and so no reason to cut anything.</summary>
    public int? Width => width;

    public static Screen Stdout(bool color) =>
        Of(
            Console.OpenStandardOutput(),
            color,
            Console.IsOutputRedirected ? null : TerminalWidth.Of(1),
            autoFlush: false
        );

    public static Screen Stderr(bool color) =>
        Of(Console.OpenStandardError(), color, Console.IsErrorRedirected ? null : TerminalWidth.Of(2), autoFlush: true);

    /// <summary>In colour where that is understood and wanted, else as it is.</summary>
    public string Paint(string text, Style style) =>
        color && style != Style.Plain ? $"\e[{(int)style}m{text}\e[0m" : text;

    public void Write(string text) => writer.Write(text);

    public void WriteLine(string line = "") => writer.WriteLine(line);

    public void Flush() => writer.Flush();

    // Console.Out and Console.WindowWidth would set the terminal up for reading keys, and print what that takes.
    private static Screen Of(Stream stream, bool color, TerminalWidth? terminal, bool autoFlush) =>
        new(
            new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 4096)
            {
                AutoFlush = autoFlush,
                NewLine = "\n",
            },
            color && terminal is not null,
            terminal?.Columns
        );
}
