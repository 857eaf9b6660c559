using System.Globalization;
using System.Text.Json;

namespace Appliance.Tuf;

/// <summary>A value in a file, which knows its place: what is asked of it and not so is refused by name.</summary>
internal readonly record struct Field(string File, string Path, JsonElement Value)
{
    public Field Member(string name) => Optional(name) ?? throw Wrong($"must have '{name}'");

    public Field? Optional(string name) =>
        Of(JsonValueKind.Object, "an object").Value.TryGetProperty(name, out var value)
            ? new Field(File, Path.Length == 0 ? name : $"{Path}.{name}", value)
            : null;

    public IEnumerable<(string Name, Field Value)> Members()
    {
        foreach (var member in Of(JsonValueKind.Object, "an object").Value.EnumerateObject())
            yield return (member.Name, new(File, $"{Path}.{member.Name}", member.Value));
    }

    public IEnumerable<Field> Items()
    {
        var index = 0;
        foreach (var item in Of(JsonValueKind.Array, "a list").Value.EnumerateArray())
            yield return new(File, $"{Path}[{index++}]", item);
    }

    public string Text() => Of(JsonValueKind.String, "a string").Value.GetString()!;

    public bool Flag() =>
        Value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? Value.GetBoolean()
            : throw Wrong("must be true or false");

    public long Whole(long atLeast) =>
        Of(JsonValueKind.Number, "a number").Value.GetInt64() is var number && number >= atLeast
            ? number
            : throw Wrong($"must be at least {atLeast}");

    public DateTimeOffset Moment() =>
        DateTimeOffset.TryParseExact(
            Text(),
            Moments.Format,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var moment
        )
            ? moment
            : throw Wrong("must be a time as 2026-01-31T12:00:00Z");

    /// <summary>At most so many members or items.</summary>
    public Field AtMost(int count)
    {
        var present = Value.ValueKind switch
        {
            JsonValueKind.Object => Value.GetPropertyCount(),
            JsonValueKind.Array => Value.GetArrayLength(),
            _ => 0,
        };
        return present <= count ? this : throw Wrong($"has more than {count} entries");
    }

    public TufException Wrong(string problem) =>
        new(TufFault.Malformed, File, Path.Length == 0 ? problem : $"'{Path}' {problem}");

    private Field Of(JsonValueKind kind, string name) =>
        Value.ValueKind == kind ? this : throw Wrong($"must be {name}");
}

/// <summary>How times are written.</summary>
internal static class Moments
{
    public const string Format = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    public static string Write(DateTimeOffset moment) =>
        moment.UtcDateTime.ToString(Format, CultureInfo.InvariantCulture);
}
