using System.Collections;

namespace Appliance.Agent.Host;

/// <summary>Settings from variables named <c>APPLIANCE__SECTION__KEY</c>; dashes are single underscores.</summary>
internal static class EnvironmentSettings
{
    private const string Prefix = "APPLIANCE__";

    /// <exception cref="SettingsException">A variable of ours names no known setting, or its value is none.</exception>
    public static IReadOnlyDictionary<string, string?> Read(
        IDictionary variables,
        IReadOnlyList<SettingsSection> sections
    )
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        var errors = new List<string>();
        foreach (DictionaryEntry variable in variables)
        {
            var name = (string)variable.Key;
            if (!name.StartsWith(Prefix, StringComparison.Ordinal))
                continue;
            var parts = name[Prefix.Length..].ToLowerInvariant().Split("__").Select(p => p.Replace('_', '-')).ToList();
            var section = sections.FirstOrDefault(s => s.Name == parts[0]);
            if (parts.Count >= 3 && section?.IsMap(parts[1]) == true)
            {
                // The name as it was written: people chose it.
                if (section.TryReadEntry(parts[1], name.Split("__", 4)[3], out var entry, out var wrong))
                    values[entry] = (string?)variable.Value ?? "";
                else
                    errors.Add($"{name}: {wrong}");
            }
            else if (parts.Count != 2 || section is null)
                errors.Add($"{name}: no such setting");
            else if (
                section.TryRead(parts[1], (string?)variable.Value ?? "", out var path, out var read, out var error)
            )
                values[path] = read;
            else
                errors.Add($"{name}: {error}");
        }
        return errors.Count == 0 ? values : throw new SettingsException(errors);
    }
}
