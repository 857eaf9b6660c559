namespace Appliance.Agent.Host;

/// <summary>The settings of the file, below environment and command line, exchanged as a whole.</summary>
internal sealed class SettingsProvider : ConfigurationProvider, IConfigurationSource
{
    public IReadOnlyDictionary<string, string?> Current { get; private set; } = new Dictionary<string, string?>();

    /// <summary>Puts other values in place, and calls <paramref name="prove"/>; when it throws, the old ones are back.</summary>
    public void Exchange(IReadOnlyDictionary<string, string?> values, Action prove)
    {
        var before = Current;
        Set(values);
        try
        {
            prove();
        }
        catch
        {
            Set(before);
            throw;
        }
    }

    /// <summary>Tells the options' monitors; until then they hold what they had.</summary>
    public void Announce() => OnReload();

    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    private void Set(IReadOnlyDictionary<string, string?> values)
    {
        Current = values;
        Data = new Dictionary<string, string?>(values, StringComparer.OrdinalIgnoreCase);
    }
}
