using Google.Protobuf;

namespace Appliance.Cli.Output;

/// <summary>
/// Answers as the JSON mapping of Protocol Buffers: camelCase keys, enums by name, times as RFC 3339, 64-bit numbers
/// as strings. Every scalar and list is present, so that a script needs no defaults.
/// </summary>
internal static class Json
{
    private static readonly JsonFormatter Compact = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));
    private static readonly JsonFormatter Indented = new(
        JsonFormatter.Settings.Default.WithFormatDefaultValues(true).WithIndentation("  ")
    );

    /// <summary>For one answer.</summary>
    public static string Document(IMessage message) => Indented.Format(message);

    /// <summary>For an item of a stream: one line.</summary>
    public static string Line(IMessage message) => Compact.Format(message);
}
