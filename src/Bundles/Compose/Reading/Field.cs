using Appliance.Bundles.Compose.Yaml;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>
/// A value of the document: its node, the key it stands under, and its path. It reads itself as what the caller expects;
/// where it is something else it reports that and answers null, so that a reader goes on and finds the other mistakes.
/// </summary>
internal sealed partial class Field(YamlNode node, Position keyAt, string path, Diagnostics log)
{
    public YamlNode Node { get; } = node;
    public Position At => Node.At;
    public Position KeyAt { get; } = keyAt;
    public string Path { get; } = path;
    public bool IsNull => Node is ScalarNode { Kind: ScalarKind.Null };
    public bool IsScalar => Node is ScalarNode { Kind: not ScalarKind.Null };
    public bool IsMap => Node is MapNode;
    public bool IsList => Node is ListNode;

    public static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    public void Error(string message) => log.Error(At, Path, message);

    public void ErrorAtKey(string message) => log.Error(KeyAt, Path, message);

    public void Warn(string message) => log.Warn(At, Path, message);

    public void WarnAtKey(string message) => log.Warn(KeyAt, Path, message);

    /// <summary>A finding in another file that this value names.</summary>
    public void ErrorIn(string otherFile, Position at, string message) => log.Error(otherFile, at, Path, message);

    /// <summary>A list's items; none, with an error, if it is not a list.</summary>
    public IEnumerable<Field> Items(string expected = "a list")
    {
        if (Node is not ListNode list)
        {
            Expected(expected);
            return [];
        }

        return list.Items.Select((item, i) => new Field(item, item.At, $"{Path}[{i}]", log));
    }

    /// <summary>A mapping whose keys are the author's own; none, with an error, if it is not a mapping.</summary>
    public IEnumerable<(string Key, Field Value)> Entries(string expected = "a mapping")
    {
        if (Node is not MapNode map)
        {
            Expected(expected);
            return [];
        }

        return map.Entries.Select(e => (e.Key.Text, new Field(e.Value, e.Key.At, Join(Path, e.Key.Text), log)));
    }

    /// <summary>What stands under a key, if anything does; reports nothing.</summary>
    public Field? Child(string key) => IsMap ? Entries().FirstOrDefault(e => e.Key == key).Value : null;

    /// <summary>A mapping with the given keys; every other key is reported. Empty if it is not a mapping.</summary>
    public MapReader Map(KeySet keys, string expected = "a mapping")
    {
        var known = new Dictionary<string, Field>();
        foreach (var (key, value) in Entries(expected))
        {
            if (keys.Supports(key))
                known.Add(key, value);
            else if (keys.WhyNot(key) is { } reason)
                value.ErrorAtKey(reason);
        }

        return new(this, known);
    }

    public void Expected(string expected) => Error($"must be {expected}, not {Node.Describe()}");

    /// <summary>Text: in quotes, or nothing that YAML takes for a number or boolean.</summary>
    public string? Text()
    {
        switch (Node)
        {
            case ScalarNode { Kind: ScalarKind.Text } scalar:
                return NoControlCharacters(scalar.Text);
            case ScalarNode { Kind: ScalarKind.Number or ScalarKind.Boolean } scalar:
                Error($"must be a string, not {scalar.Describe()}; put it in quotes: \"{scalar.Text}\"");
                return null;
            default:
                Expected("a string");
                return null;
        }
    }

    /// <summary>Text that is not empty.</summary>
    public string? Name()
    {
        if (Text() is not { } text)
            return null;
        if (!string.IsNullOrWhiteSpace(text))
            return text;
        Error("must not be empty");
        return null;
    }

    /// <summary>Text, or a number as it was written.</summary>
    public string? TextOrNumber() => Node is ScalarNode { Kind: ScalarKind.Number } number ? number.Text : Text();

    /// <summary>Any scalar, as it was written.</summary>
    public string? AnyScalar()
    {
        if (Node is not ScalarNode { Kind: ScalarKind.Number or ScalarKind.Boolean } scalar)
            return Text();
        if (scalar.Kind == ScalarKind.Number && !IsPlainNumber(scalar.Text))
            Warn($"{scalar.Text} is taken as written; put it in quotes, since other tools rewrite such numbers");
        return scalar.Text;
    }

    public bool? Bool()
    {
        // What interpolation filled in is text.
        if (Node is ScalarNode scalar)
        {
            switch (scalar.Text)
            {
                case "true" or "True" or "TRUE":
                    return true;
                case "false" or "False" or "FALSE":
                    return false;
            }
        }

        Expected("true or false");
        return null;
    }

    /// <summary>Reads a scalar with <paramref name="parse"/>, and reports what it should have been.</summary>
    public T? Parse<T>(Func<string, T?> parse, string expected)
        where T : struct
    {
        if (Node is not ScalarNode { Kind: not ScalarKind.Null } scalar)
            Expected(expected);
        else if (parse(scalar.Text) is { } value)
            return value;
        else
            Error($"\"{Shorten(scalar.Text)}\" is not {expected}");
        return null;
    }

    /// <summary>One of the given words.</summary>
    public T? OneOf<T>(IReadOnlyDictionary<string, T> words)
        where T : struct
    {
        if (TextOrNumber() is not { } text)
            return null;
        if (words.TryGetValue(text, out var value))
            return value;
        Error(
            $"\"{Shorten(text)}\" is not one of {string.Join(", ", words.Keys)}{Spelling.DidYouMean(text, words.Keys)}"
        );
        return null;
    }

    /// <summary>A list of texts.</summary>
    public IReadOnlyList<string> Texts() => [.. Items("a list of strings").Select(i => i.Text()).OfType<string>()];

    /// <summary>One text, or a list of them.</summary>
    public IReadOnlyList<string> TextOrTexts()
    {
        if (!IsScalar)
            return [.. Items("a string or a list of strings").Select(i => i.Name()).OfType<string>()];
        return Name() is { } one ? [one] : [];
    }

    public static string Shorten(string text) => text.Length <= 80 ? text : text[..77] + "...";

    private string? NoControlCharacters(string text)
    {
        if (!text.Contains('\0', StringComparison.Ordinal))
            return text;
        Error("must not contain a NUL character");
        return null;
    }

    // One that every YAML reader prints again as it was written.
    private static bool IsPlainNumber(string text)
    {
        var digits = text.StartsWith('-') ? text[1..] : text;
        var (whole, fraction) = digits.Split('.') switch
        {
            [var w] => (w, "1"),
            [var w, var f] => (w, f),
            _ => ("", ""),
        };
        return whole.Length is > 0 and < 16
            && fraction.Length is > 0 and < 16
            && whole.All(char.IsAsciiDigit)
            && fraction.All(char.IsAsciiDigit)
            && (whole.Length == 1 || whole[0] != '0')
            && fraction[^1] != '0';
    }
}
