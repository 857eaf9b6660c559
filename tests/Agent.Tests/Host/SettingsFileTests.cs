using Appliance.Agent.Host;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Tests.Host;

public sealed class SettingsFileTests
{
    private static readonly SettingsSection[] Sections =
    [
        SettingsSection.Of<StorageOptions>("storage"),
        SettingsSection.Of<PaceOptions>("pace"),
    ];

    private static readonly SettingsSection[] WithNames = [SettingsSection.Of<NamesOptions>("application")];

    public sealed class NamesOptions
    {
        public Dictionary<string, string> Variables { get; set; } = [];
    }

    public sealed class PaceOptions
    {
        public TimeSpan SlowResync { get; set; }
    }

    [Fact]
    public void Keys_become_the_properties_of_the_options()
    {
        const string text = """
            # the state
            storage:
              data-directory: /srv/state
              events-kept: 500
            pace:
              slow-resync: 1m30s
            """;
        Assert.Equal(
            new Dictionary<string, string?>
            {
                ["storage:DataDirectory"] = "/srv/state",
                ["storage:EventsKept"] = "500",
                ["pace:SlowResync"] = "00:01:30",
            },
            SettingsFile.Parse("agent.yaml", text, Sections)
        );
    }

    [Fact]
    public void A_key_may_hold_values_under_names_that_people_choose()
    {
        const string text = "application:\n  variables:\n    HTTP_PORT: '80'\n    Title: a b\n";
        Assert.Equal(
            new Dictionary<string, string?>
            {
                ["application:Variables:HTTP_PORT"] = "80",
                ["application:Variables:Title"] = "a b",
            },
            SettingsFile.Parse("agent.yaml", text, WithNames)
        );
        Assert.Equal(
            new Dictionary<string, string?> { ["application:Variables:HTTP__PORT"] = "81" },
            EnvironmentSettings.Read(
                new Dictionary<string, string> { ["APPLIANCE__APPLICATION__VARIABLES__HTTP__PORT"] = "81" },
                WithNames
            )
        );
    }

    [Theory]
    [InlineData("variables: 80", "agent.yaml:2: application.variables holds names with values")]
    [InlineData("variables: [a]", "agent.yaml:2: application.variables takes one plain value")]
    [InlineData("variables: {A: [b]}", "agent.yaml:2: application.variables.A takes one plain value")]
    [InlineData("variables: {A: b, A: c}", "agent.yaml:2: \"A\" is given twice")]
    [InlineData("variables: {A: b, a: c}", "agent.yaml:2: \"a\" differs only in case from a name before it")]
    [InlineData("variables: {'A:B': c}", "agent.yaml:2: application.variables: \"A:B\" has a colon")]
    public void A_mistake_in_what_people_name_is_told(string line, string expected)
    {
        var text = $"application:\n  {line}\n";
        var refused = Assert.Throws<SettingsException>(() => SettingsFile.Parse("agent.yaml", text, WithNames));
        Assert.Equal([expected], refused.Errors);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("---\n")]
    [InlineData("storage:\n")]
    [InlineData("storage: {}\n")]
    public void Nothing_said_is_the_defaults(string text) =>
        Assert.Empty(SettingsFile.Parse("agent.yaml", text, Sections));

    [Theory]
    [InlineData("storge:\n  a: b\n", "agent.yaml:1: unknown section \"storge\" (known: storage, pace)")]
    [InlineData(
        "storage:\n\n  datadirectory: /x\n",
        "agent.yaml:3: unknown key \"datadirectory\" in section \"storage\""
    )]
    [InlineData("pace:\n  slow-resync: soon\n", "agent.yaml:2: pace.slow-resync: \"soon\" is not a duration")]
    [InlineData("pace:\n  slow-resync: ''\n", "agent.yaml:2: pace.slow-resync: \"\" is not a duration")]
    [InlineData("storage: /x\n", "agent.yaml:1: section \"storage\" holds keys with values")]
    [InlineData("storage:\n  data-directory: [a]\n", "agent.yaml:2: storage.data-directory takes one plain value")]
    [InlineData("storage:\n  data-directory: &a /x\n", "agent.yaml:2: storage.data-directory takes one plain value")]
    [InlineData("storage:\n  data-directory: !!str /x\n", "agent.yaml:2: storage.data-directory takes one plain value")]
    [InlineData(
        "storage:\n  data-directory: /a\n  data-directory: /b\n",
        "agent.yaml:3: \"data-directory\" is given twice"
    )]
    [InlineData("storage: {}\nstorage: {}\n", "agent.yaml:2: \"storage\" is given twice")]
    [InlineData("? [a]\n: b\n", "agent.yaml:1: a key must be a word")]
    [InlineData("- storage\n", "agent.yaml:1: expected sections")]
    [InlineData("hello\n", "agent.yaml:1: expected sections")]
    [InlineData("storage: {}\n---\npace: {}\n", "a second document")]
    [InlineData("storage:\n\tdata-directory: /x\n", "found invalid tab")]
    [InlineData("storage: {\n", "agent.yaml:2: ")]
    public void A_mistake_is_named_with_its_line(string text, string expected)
    {
        var refused = Assert.Throws<SettingsException>(() => SettingsFile.Parse("agent.yaml", text, Sections));
        Assert.Contains(refused.Errors, e => e.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void All_mistakes_are_told_at_once()
    {
        const string text = "a: 1\nstorage:\n  b: 2\n  events-kept: 500\nc:\n  - 3\n";
        var refused = Assert.Throws<SettingsException>(() => SettingsFile.Parse("agent.yaml", text, Sections));
        Assert.Equal(["agent.yaml:1", "agent.yaml:3", "agent.yaml:5"], refused.Errors.Select(e => e[..12]));
    }

    [Fact]
    public void A_huge_or_deep_file_costs_little()
    {
        Assert.Throws<SettingsException>(() => SettingsFile.Parse("a", new string(' ', 300_000), Sections));
        Assert.Throws<SettingsException>(() => SettingsFile.Parse("a", new string('[', 100_000), Sections));
    }

    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("30s", 30)]
    [InlineData("1m30s", 90)]
    [InlineData("2h", 7200)]
    [InlineData("1d12h", 129600)]
    [InlineData("0s", 0)]
    public void Durations_have_units(string text, double seconds)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(seconds, duration.TotalSeconds);
    }

    [Theory]
    [InlineData("30")]
    [InlineData("-1s")]
    [InlineData("1s2m")]
    [InlineData("1.5s")]
    [InlineData("99999999999999s")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(Duration.TryParse(text, out _));

    [Fact]
    public void A_variable_of_the_environment_sets_the_same_key()
    {
        var values = EnvironmentSettings.Read(
            new Dictionary<string, string>
            {
                ["APPLIANCE__STORAGE__DATA_DIRECTORY"] = "/srv",
                ["APPLIANCE__PACE__SLOW_RESYNC"] = "5s",
                ["APPLIANCE_SOCKET"] = "not a setting",
                ["PATH"] = "/bin",
            },
            Sections
        );
        Assert.Equal(
            new Dictionary<string, string?> { ["storage:DataDirectory"] = "/srv", ["pace:SlowResync"] = "00:00:05" },
            values
        );
    }

    [Theory]
    [InlineData("APPLIANCE__STORAGE__DATADIR", "APPLIANCE__STORAGE__DATADIR: unknown key \"datadir\"")]
    [InlineData("APPLIANCE__STORGE__DATA", "APPLIANCE__STORGE__DATA: no such setting")]
    [InlineData("APPLIANCE__STORAGE", "APPLIANCE__STORAGE: no such setting")]
    [InlineData(
        "APPLIANCE__PACE__SLOW_RESYNC",
        "APPLIANCE__PACE__SLOW_RESYNC: pace.slow-resync: \"x\" is not a duration"
    )]
    public void A_misspelt_variable_is_named(string variable, string expected)
    {
        var variables = new Dictionary<string, string> { [variable] = "x" };
        var refused = Assert.Throws<SettingsException>(() => EnvironmentSettings.Read(variables, Sections));
        Assert.StartsWith(expected, Assert.Single(refused.Errors), StringComparison.Ordinal);
    }
}
