using System.Text;
using Appliance.Agent.Storage;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Host;

/// <summary>Where the settings come from.</summary>
/// <param name="File">The path of <c>agent.yaml</c>.</param>
/// <param name="MustExist">Somebody named it: then its absence is an error, and not the defaults.</param>
internal sealed record SettingsOrigin(string File, bool MustExist, IReadOnlyList<SettingsSection> Sections)
{
    public const string DefaultFile = "/etc/appliance-agent/agent.yaml";
}

/// <summary>
/// Takes settings into use only when every room's options accept them, and keeps a copy of the last that did. A bad
/// file never stops an agent that once had a good one: it goes on with that and raises an alarm.
/// </summary>
internal sealed class Settings(
    SettingsOrigin origin,
    SettingsProvider provider,
    IServiceProvider services,
    ILogger<Settings> log
)
{
    /// <summary>The first load. Alarms are raised once the settings say where the state is.</summary>
    /// <exception cref="SettingsException">
    /// The file is bad, and so are the last good one and the defaults together with environment and command line.
    /// </exception>
    public void LoadAtStart()
    {
        try
        {
            var text = ReadFile();
            Use(origin.File, text);
            KeepAsLastGood(text);
        }
        catch (SettingsException bad)
        {
            var fallback = UseLastGood() ?? UseDefaults(bad);
            log.SettingsRefused(origin.File, bad.Message, fallback);
            Alarm(bad, fallback);
        }
    }

    /// <summary>Reads the file again. False: it is bad, an alarm was raised, and nothing has changed.</summary>
    public bool Reload()
    {
        const string kept = "The settings in force stay in force.";
        var before = provider.Current;
        try
        {
            var text = ReadFile();
            Use(origin.File, text);
            provider.Announce();
            KeepAsLastGood(text);
        }
        catch (SettingsException bad)
        {
            log.SettingsRefused(origin.File, bad.Message, kept);
            Alarm(bad, kept);
            return false;
        }
        var late = origin.Sections.Where(s => s.CountsAtStart && Differs(s, before)).Select(s => s.Name).ToList();
        var done = late.Count == 0 ? "In force." : $"In force, but {string.Join(", ", late)} only from the next start.";
        log.SettingsReloaded(origin.File, done);
        Append(EventSeverity.Info, "settings.reloaded", $"{origin.File} was read again.", done);
        return true;
    }

    private void Use(string name, string text) =>
        provider.Exchange(SettingsFile.Parse(name, text, origin.Sections), Prove);

    private void Prove()
    {
        var errors = new List<string>();
        foreach (var section in origin.Sections)
        {
            try
            {
                section.Prove(services);
            }
            catch (SettingsException e)
            {
                errors.AddRange(e.Errors);
            }
        }
        if (errors.Count > 0)
            throw new SettingsException(errors);
    }

    private string? UseLastGood()
    {
        var file = LastGoodFile();
        try
        {
            Use(file, File.ReadAllText(file));
            return $"The last good settings are in force, from {file}.";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SettingsException)
        {
            log.LastGoodNotUsable(file, e.Message);
            return null;
        }
    }

    private string UseDefaults(SettingsException bad)
    {
        try
        {
            Prove();
            return "The defaults are in force: there are no last good settings.";
        }
        catch (SettingsException e)
        {
            throw new SettingsException([.. bad.Errors, .. e.Errors.Except(bad.Errors)]);
        }
    }

    private string ReadFile()
    {
        try
        {
            return File.ReadAllText(origin.File);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException && !origin.MustExist)
        {
            return "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException([$"{origin.File}: {e.Message}"]);
        }
    }

    private void KeepAsLastGood(string text)
    {
        var file = LastGoodFile();
        try
        {
            if (File.Exists(file) && File.ReadAllText(file) == text)
                return;
            Directory.CreateDirectory(
                Path.GetDirectoryName(file)!,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            );
            var options = new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            };
            using (var next = new FileStream(file + ".next", options))
            {
                next.Write(Encoding.UTF8.GetBytes(text));
                next.Flush(flushToDisk: true);
            }
            File.Move(file + ".next", file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LastGoodNotKept(file, e.Message);
        }
    }

    // By the settings in force now: made anew, since the options may have been made before.
    private string LastGoodFile() =>
        Path.Combine(
            services.GetRequiredService<IOptionsFactory<StorageOptions>>().Create(Options.DefaultName).DataDirectory,
            "agent.yaml.last-good"
        );

    private bool Differs(SettingsSection section, IReadOnlyDictionary<string, string?> before)
    {
        var prefix = section.Name + ":";
        return !Of(before).SequenceEqual(Of(provider.Current));

        IEnumerable<KeyValuePair<string, string?>> Of(IReadOnlyDictionary<string, string?> all) =>
            all.Where(v => v.Key.StartsWith(prefix, StringComparison.Ordinal))
                .OrderBy(v => v.Key, StringComparer.Ordinal);
    }

    private void Alarm(SettingsException bad, string done) =>
        Append(EventSeverity.Error, "settings.refused", $"The settings cannot be used: {bad.Message}.", done);

    // Looked up late: the event log's place is itself a setting.
    private void Append(EventSeverity severity, string kind, string found, string done) =>
        services.GetRequiredService<EventLog>().Append(new NewEvent(severity, kind, null, null, found, done));
}
