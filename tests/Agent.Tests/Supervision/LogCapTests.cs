using Appliance.Agent.Supervision;
using Appliance.Docker;

namespace Appliance.Agent.Tests.Supervision;

public sealed class LogCapTests
{
    private const long Cap = 100 * 1024 * 1024;

    [Theory]
    // Nothing said: not for ever.
    [InlineData("json-file", "", "json-file max-file=3 max-size=10m")]
    [InlineData(null, "", "json-file max-file=3 max-size=10m")]
    [InlineData("json-file", "max-size=-1 max-file=2", "json-file max-file=2 max-size=10m")]
    [InlineData("local", "", "local max-file=5 max-size=20m")]
    // Within the cap it is as the release has it.
    [InlineData("json-file", "max-size=10m max-file=10", "json-file max-file=10 max-size=10m")]
    [InlineData("json-file", "max-size=100m tag=x", "json-file max-size=100m tag=x")]
    // Beyond it each file is smaller.
    [InlineData("json-file", "max-size=1g max-file=4", "json-file max-file=4 max-size=26214400")]
    [InlineData("json-file", "max-size=200MB", "json-file max-size=104857600")]
    [InlineData("local", "max-size=50m", "local max-size=20971520")]
    // What keeps nothing on the engine's disk is not touched.
    [InlineData("journald", "tag=x", "journald tag=x")]
    [InlineData("none", "", "none")]
    // What is no size is the engine's to refuse.
    [InlineData("json-file", "max-size=large", "json-file max-size=large")]
    public void A_container_keeps_no_more_output_than_the_cap(string? driver, string options, string expected)
    {
        var asked = new LogConfig
        {
            Type = driver,
            Config = options
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(o => o.Split('='))
                .ToDictionary(o => o[0], o => o[1]),
        };

        var capped = LogCap.Of(asked, Cap);

        var all = capped.Config!.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={o.Value}");
        Assert.Equal(expected, string.Join(' ', all.Prepend(capped.Type)));
    }
}
