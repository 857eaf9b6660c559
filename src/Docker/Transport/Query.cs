using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Appliance.Docker;

/// <summary>Builds a path with its query; everything that comes from a caller is escaped.</summary>
internal sealed class Query(string path)
{
    private readonly StringBuilder text = new(path);
    private readonly Dictionary<string, IReadOnlyList<string>> filters = [];
    private char separator = '?';

    /// <summary>A path of fixed words and one name: <c>/containers/{name}/start</c>.</summary>
    public static Query Of(string before, string name, string after = "")
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new($"{before}{Uri.EscapeDataString(name)}{after}");
    }

    public Query With(string key, string? value)
    {
        if (value is not null)
        {
            text.Append(separator).Append(key).Append('=').Append(Uri.EscapeDataString(value));
            separator = '&';
        }
        return this;
    }

    public Query With(string key, bool value) => value ? With(key, "1") : this;

    public Query With(string key, int value) => With(key, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>Seconds and nanoseconds since the epoch, which the engine compares without rounding.</summary>
    public Query With(string key, DateTimeOffset? value)
    {
        if (value is not { } time)
            return this;
        var ticks = time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        var (seconds, rest) = Math.DivRem(ticks, TimeSpan.TicksPerSecond);
        return With(key, string.Create(CultureInfo.InvariantCulture, $"{seconds}.{rest * 100:D9}"));
    }

    /// <summary>Values of one filter are alternatives, except labels, which must all match.</summary>
    public Query Filter(string name, IReadOnlyList<string> values)
    {
        if (values.Count > 0)
            filters[name] = values;
        return this;
    }

    public override string ToString()
    {
        if (filters.Count > 0)
        {
            With("filters", JsonSerializer.Serialize(filters, ApiJson.Default.DictionaryStringIReadOnlyListString));
            filters.Clear();
        }
        return text.ToString();
    }
}
