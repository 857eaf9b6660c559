using Appliance.Bundles.Compose.Yaml;

namespace Appliance.Bundles.Compose.Reading;

/// <summary><c>environment</c> and <c>env_file</c>, and the other mappings that may be written as lists of <c>k=v</c>.</summary>
internal static class EnvironmentReader
{
    private const string AgentsLabels = "appliance.";

    private static readonly KeySet s_fileKeys = new(
        "env_file entry",
        ["path", "required"],
        new Dictionary<string, string> { ["format"] = "format is not supported; only the ordinary format is read" }
    );

    public static IReadOnlyDictionary<string, string> Read(MapReader service, ReadContext context)
    {
        var result = new OrderedDictionary<string, string>();
        foreach (var (path, required) in Files(service["env_file"]))
            ReadFile(path, required, context, result);

        if (service["environment"] is { } environment)
        {
            foreach (var (name, value, at) in Pairs(environment))
            {
                if (!EnvironmentNames.IsValid(name))
                    at.ErrorAtKey(
                        $"\"{Field.Shorten(name)}\" is not a variable's name: letters, digits, \"_\", \".\", \"-\", not a digit first"
                    );
                else if (value is not null)
                    result[name] = value;
                else if (context.Variables[name] is { } passed)
                    result[name] = passed;
                else
                    at.ErrorAtKey(
                        $"{name} has no value, and no variable of that name is set; give it one, or an empty one"
                    );
            }
        }

        return result;
    }

    /// <summary>Labels, without those by which the agent knows what is its own.</summary>
    public static IReadOnlyDictionary<string, string> Labels(Field? field) =>
        Mapping(
            field,
            (name, at) =>
            {
                if (name.StartsWith(AgentsLabels, StringComparison.Ordinal))
                    at.ErrorAtKey(
                        $"labels that begin with \"{AgentsLabels}\" are the agent's own; choose another name"
                    );
            }
        );

    /// <summary>Sysctls, labels and the like: a mapping, or a list of <c>key=value</c>.</summary>
    /// <param name="check">Is shown each name and where it stands.</param>
    public static IReadOnlyDictionary<string, string> Mapping(Field? field, Action<string, Field>? check = null)
    {
        var result = new OrderedDictionary<string, string>();
        foreach (var (key, value, at) in field is null ? [] : Pairs(field))
        {
            if (key.Length == 0)
                at.ErrorAtKey("must not have an empty name");
            check?.Invoke(key, at);
            result[key] = value ?? "";
        }

        return result;
    }

    /// <summary>A mapping of options, each a scalar with a value.</summary>
    public static IReadOnlyDictionary<string, string> Options(Field? field)
    {
        var result = new OrderedDictionary<string, string>();
        foreach (var (key, value) in field?.Entries() ?? [])
        {
            if (value.AnyScalar() is { } text)
                result[key] = text;
        }

        return result;
    }

    // A null value is a name without one.
    private static IEnumerable<(string Key, string? Value, Field At)> Pairs(Field field)
    {
        if (field.IsMap)
        {
            foreach (var (key, value) in field.Entries())
            {
                if (value.IsNull)
                    yield return (key, null, value);
                else if (value.AnyScalar() is { } text)
                    yield return (key, text, value);
            }

            yield break;
        }

        var seen = new HashSet<string>();
        foreach (var item in field.Items("a mapping, or a list of \"NAME=value\""))
        {
            if (item.Text() is not { } text)
                continue;

            var split = text.IndexOf('=', StringComparison.Ordinal);
            var name = split < 0 ? text : text[..split];
            if (!seen.Add(name))
                item.Error($"\"{name}\" is given twice");
            yield return (name, split < 0 ? null : text[(split + 1)..], item);
        }
    }

    private static IEnumerable<(Field Path, bool Required)> Files(Field? field)
    {
        if (field is null)
            yield break;

        foreach (var item in field.IsList ? field.Items() : [field])
        {
            if (!item.IsMap)
            {
                yield return (item, true);
                continue;
            }

            var map = item.Map(s_fileKeys);
            if (map.Required("path", "the file to read") is { } path)
                yield return (path, map["required"]?.Bool() ?? true);
        }
    }

    private static void ReadFile(
        Field path,
        bool required,
        ReadContext context,
        OrderedDictionary<string, string> result
    )
    {
        if (path.Name() is not { } name || context.Folder.Read(path, name, required) is not { } file)
            return;

        var log = new Diagnostics(file.Path);
        if (SourceText.Decode(file.Bytes, log) is { } source)
        {
            foreach (
                var line in EnvFile.Read(
                    source,
                    context.Variables,
                    (at, message) => path.ErrorIn(file.Path, at, message)
                )
            )
            {
                if ((line.Value ?? context.Variables[line.Name]) is { } value)
                    result[line.Name] = value;
                else
                    path.ErrorIn(
                        file.Path,
                        line.At,
                        $"{line.Name} has no value, and no variable of that name is set; write {line.Name}= for an empty one"
                    );
            }
        }

        foreach (var fault in log.ToList())
            path.ErrorIn(file.Path, new(fault.Line, fault.Column), fault.Message);
    }
}
