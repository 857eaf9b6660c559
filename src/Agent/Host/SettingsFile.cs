using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Appliance.Agent.Host;

/// <summary>The settings cannot be used; each error is one line for a person, with its place where there is one.</summary>
internal sealed class SettingsException(IReadOnlyList<string> errors) : Exception(string.Join("; ", errors))
{
    public IReadOnlyList<string> Errors { get; } = errors;
}

/// <summary>
/// Reads <c>agent.yaml</c>: sections of keys with one value each. What is not known is an error, since a misspelt key
/// that is passed over is a setting that somebody believes in.
/// </summary>
internal static class SettingsFile
{
    /// <summary>Far above any real file; bounds what a wrong path can cost.</summary>
    private const int MaxLength = 256 * 1024;

    /// <summary>Values by configuration path.</summary>
    /// <exception cref="SettingsException">All errors that were found.</exception>
    public static IReadOnlyDictionary<string, string?> Parse(
        string name,
        string text,
        IReadOnlyList<SettingsSection> sections
    )
    {
        if (text.Length > MaxLength)
            throw new SettingsException([$"{name}: longer than {MaxLength} characters"]);
        var reading = new Reading(name, sections);
        try
        {
            reading.Document(new Parser(new StringReader(text)));
        }
        catch (YamlException e)
        {
            // Its start is that of the structure that was being read; the mistake is where reading ended.
            reading.Error(e.End, e.Message);
        }
        return reading.Errors.Count == 0 ? reading.Values : throw new SettingsException(reading.Errors);
    }

    private sealed class Reading(string name, IReadOnlyList<SettingsSection> sections)
    {
        private readonly HashSet<string> seen = [];

        public Dictionary<string, string?> Values { get; } = new(StringComparer.OrdinalIgnoreCase);
        public List<string> Errors { get; } = [];

        public void Error(Mark at, string what) => Errors.Add($"{name}:{at.Line}: {what}");

        public void Document(Parser parser)
        {
            parser.Consume<StreamStart>();
            if (parser.TryConsume<StreamEnd>(out _))
                return;
            parser.Consume<DocumentStart>();
            if (parser.Current is MappingStart)
                Mapping(parser, Section);
            else if (!IsNothing(parser.Current))
                Error(parser.Current!.Start, "expected sections");
            else
                parser.MoveNext();
            if (parser.TryConsume<DocumentEnd>(out _) && parser.Current is DocumentStart second)
                Error(second.Start, "a second document");
        }

        private void Section(Parser parser, Scalar key)
        {
            var section = sections.FirstOrDefault(s => s.Name == key.Value);
            if (section is null)
            {
                var known = string.Join(", ", sections.Select(s => s.Name));
                Error(key.Start, $"unknown section \"{key.Value}\" (known: {known})");
                parser.SkipThisAndNestedEvents();
            }
            else if (parser.Current is MappingStart)
            {
                Mapping(parser, (p, inner) => Value(p, section, inner));
            }
            else
            {
                if (!IsNothing(parser.Current))
                    Error(parser.Current!.Start, $"section \"{section.Name}\" holds keys with values");
                parser.SkipThisAndNestedEvents();
            }
        }

        private void Value(Parser parser, SettingsSection section, Scalar key)
        {
            if (section.IsMap(key.Value) && parser.Current is MappingStart)
            {
                Mapping(parser, (p, name) => Entry(p, section, key, name));
                return;
            }
            if (parser.Current is not Scalar { Anchor.IsEmpty: true, Tag.IsEmpty: true } value)
            {
                Error(parser.Current!.Start, $"{section.Name}.{key.Value} takes one plain value");
                parser.SkipThisAndNestedEvents();
                return;
            }
            parser.MoveNext();
            if (!section.TryRead(key.Value, value.Value, out var path, out var read, out var error))
                Error(key.Start, error);
            else
                Values[path] = read;
        }

        private void Entry(Parser parser, SettingsSection section, Scalar key, Scalar name)
        {
            if (parser.Current is not Scalar { Anchor.IsEmpty: true, Tag.IsEmpty: true } value)
            {
                Error(parser.Current!.Start, $"{section.Name}.{key.Value}.{name.Value} takes one plain value");
                parser.SkipThisAndNestedEvents();
                return;
            }
            parser.MoveNext();
            if (!section.TryReadEntry(key.Value, name.Value, out var path, out var error))
                Error(name.Start, error);
            // Settings know no upper and lower case: one would replace the other.
            else if (!Values.TryAdd(path, value.Value))
                Error(name.Start, $"\"{name.Value}\" differs only in case from a name before it");
        }

        private void Mapping(Parser parser, Action<Parser, Scalar> entry)
        {
            var scope = parser.Consume<MappingStart>().Start;
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                if (parser.Current is not Scalar)
                {
                    Error(parser.Current!.Start, "a key must be a word");
                    parser.SkipThisAndNestedEvents();
                    parser.SkipThisAndNestedEvents();
                    continue;
                }
                var key = parser.Consume<Scalar>();
                if (seen.Add($"{scope.Index}/{key.Value}"))
                {
                    entry(parser, key);
                    continue;
                }
                Error(key.Start, $"\"{key.Value}\" is given twice");
                parser.SkipThisAndNestedEvents();
            }
        }

        private static bool IsNothing(ParsingEvent? e) =>
            e is Scalar { Style: ScalarStyle.Plain, Value: "" or "null" or "~" };
    }
}
