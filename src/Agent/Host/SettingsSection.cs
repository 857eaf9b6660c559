using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Host;

/// <summary>One section of <c>agent.yaml</c>, known by the properties of a room's options.</summary>
internal sealed class SettingsSection
{
    private readonly Dictionary<string, (string Property, Type Type)> keys;
    private readonly Action<IServiceProvider> prove;

    private SettingsSection(
        string name,
        bool countsAtStart,
        Dictionary<string, (string, Type)> keys,
        Action<IServiceProvider> prove
    )
    {
        Name = name;
        CountsAtStart = countsAtStart;
        this.keys = keys;
        this.prove = prove;
    }

    public string Name { get; }

    /// <summary>A reload does not change what these have set up: a new value counts from the next start.</summary>
    public bool CountsAtStart { get; }

    /// <summary>The keys as people write them: <c>data-directory</c>.</summary>
    public IEnumerable<string> Keys => keys.Keys;

    /// <param name="name">As in the file.</param>
    /// <param name="countsAtStart">See <see cref="CountsAtStart"/>.</param>
    public static SettingsSection Of<
        [DynamicallyAccessedMembers(
            DynamicallyAccessedMemberTypes.PublicProperties
                | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor
        )]
            T
    >(string name, bool countsAtStart = false)
        where T : class =>
        new(
            name,
            countsAtStart,
            typeof(T)
                .GetProperties()
                .Where(p => p.CanWrite)
                .ToDictionary(p => Kebab(p.Name), p => (p.Name, p.PropertyType)),
            services => services.GetRequiredService<IOptionsFactory<T>>().Create(Options.DefaultName)
        );

    /// <summary>Makes the options from the configuration as it is now.</summary>
    /// <exception cref="SettingsException">They are not valid.</exception>
    public void Prove(IServiceProvider services)
    {
        try
        {
            prove(services);
        }
        catch (OptionsValidationException e)
        {
            throw new SettingsException([.. e.Failures.Select(f => $"{Name}: {f.TrimEnd('.')}")]);
        }
        catch (InvalidOperationException e)
        {
            // The binder's word for a value that is not of the property's type.
            throw new SettingsException([$"{Name}: {e.Message.TrimEnd('.')}"]);
        }
    }

    /// <summary>The configuration path and value of one setting, or what is wrong with it.</summary>
    public bool TryRead(string key, string value, out string path, out string read, out string error)
    {
        (path, read, error) = ("", value, "");
        if (!keys.TryGetValue(key, out var known))
        {
            error = $"unknown key \"{key}\" in section \"{Name}\" (known: {string.Join(", ", Keys)})";
            return false;
        }
        if (IsMap(key))
        {
            error = $"{Name}.{key} holds names with values";
            return false;
        }
        if (known.Type == typeof(TimeSpan) || known.Type == typeof(TimeSpan?))
        {
            if (!Duration.TryParse(value, out var duration))
            {
                error = $"{Name}.{key}: \"{value}\" is not a duration, such as 500ms, 30s, 1m30s or 2h";
                return false;
            }
            read = duration.ToString("c");
        }
        path = $"{Name}:{known.Property}";
        return true;
    }

    /// <summary>Whether a key holds values under names that people choose.</summary>
    public bool IsMap(string key) =>
        keys.TryGetValue(key, out var known) && known.Type == typeof(Dictionary<string, string>);

    /// <summary>The configuration path of one value of a map, or what is wrong with its name.</summary>
    public bool TryReadEntry(string key, string name, out string path, out string error)
    {
        path = $"{Name}:{keys[key].Property}:{name}";
        // It would be the path of something else.
        error = name.Contains(':', StringComparison.Ordinal) ? $"{Name}.{key}: \"{name}\" has a colon" : "";
        return error.Length == 0;
    }

    private static string Kebab(string property) =>
        string.Concat(
            property.Select(
                (c, i) => char.IsUpper(c) && i > 0 ? $"-{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"
            )
        );
}
