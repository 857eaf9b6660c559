using System.Globalization;
using Appliance.Docker;

namespace Appliance.Agent.Supervision;

/// <summary>
/// How much of a container's output may be kept on the engine's disk. No part of what makes a container current: it counts
/// for those that are made from now on. Pure.
/// </summary>
internal static class LogCap
{
    private const string Size = "max-size";
    private const string Files = "max-file";
    private const string JsonFile = "json-file";

    /// <param name="asked">As the release has it.</param>
    /// <param name="bytes">All files of a container together.</param>
    public static LogConfig Of(LogConfig asked, long bytes)
    {
        // Other drivers keep nothing on the engine's disk, or have a limit of their own, as the journal has.
        if ((asked.Type ?? JsonFile) is not (JsonFile or "local") and { } driver)
            return asked with { Type = driver };
        var options = new Dictionary<string, string>(asked.Config ?? new Dictionary<string, string>());
        var isJson = asked.Type is null or JsonFile;
        // A file of json-file without a size grows for ever; local has limits by itself.
        if (!options.TryGetValue(Size, out var size) || size == "-1")
            (options[Size], options[Files]) = isJson
                ? ("10m", options.GetValueOrDefault(Files, "3"))
                : ("20m", options.GetValueOrDefault(Files, "5"));
        if (
            int.TryParse(
                options.GetValueOrDefault(Files, isJson ? "1" : "5"),
                CultureInfo.InvariantCulture,
                out var files
            )
            && files > 0
            && BytesOf(options[Size]) is { } each
            && each > bytes / files
        )
            options[Size] = Math.Max(1, bytes / files).ToString(CultureInfo.InvariantCulture);
        return new LogConfig { Type = asked.Type ?? JsonFile, Config = options };
    }

    /// <returns>Null: it is no size, which the engine will say.</returns>
    private static long? BytesOf(string size)
    {
        var text = size.Trim().ToLowerInvariant().TrimEnd('b').TrimEnd('i');
        var power = text.Length == 0 ? 0 : "kmgtp".IndexOf(text[^1], StringComparison.Ordinal) + 1;
        var digits = power > 0 ? text[..^1] : text;
        return decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? (long)Math.Min(long.MaxValue, number * (decimal)Math.Pow(1024, power))
            : null;
    }
}
