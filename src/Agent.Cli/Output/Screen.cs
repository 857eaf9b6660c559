using System.Text;

namespace Appliance.Cli.Output;

/// <summary>Standard output or standard error, and what it can show.</summary>
internal sealed class Screen(TextWriter writer, bool color, int? width)
{
    /// <summary>Columns of the terminal; null where there is none, and so no reason to cut anything.</summary>
    public int? Width => width;

    public static Screen Stdout(bool color) =>
        Of(Descriptor.Stdout, color, isTerminal: !Console.IsOutputRedirected, autoFlush: false);

    public static Screen Stderr(bool color) =>
        Of(Descriptor.Stderr, color, isTerminal: !Console.IsErrorRedirected, autoFlush: true);

    /// <summary>In colour where that is understood and wanted, else as it is.</summary>
    public string Paint(string text, Style style) =>
        color && style != Style.Plain ? $"\e[{(int)style}m{text}\e[0m" : text;

    public void Write(string text) => writer.Write(text);

    public void WriteLine(string line = "") => writer.WriteLine(line);

    public void Flush() => writer.Flush();

    private static Screen Of(Descriptor descriptor, bool color, bool isTerminal, bool autoFlush) =>
        new(
            new StreamWriter(descriptor, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 4096)
            {
                AutoFlush = autoFlush,
                NewLine = "\n",
            },
            color && isTerminal,
            isTerminal ? descriptor.Columns : null
        );
}
