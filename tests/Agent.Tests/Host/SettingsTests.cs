using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Host;

public sealed class SettingsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("agent-settings-").FullName;
    private string File => Path.Combine(folder, "agent.yaml");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_good_file_is_in_force_and_kept_as_the_last_good_one()
    {
        Write("storage:\n  events-kept: 500\n");
        await using var agent = Agent();
        agent.Services.GetRequiredService<Settings>().LoadAtStart();
        Assert.Equal(500, EventsKept(agent));
        Assert.Equal("storage:\n  events-kept: 500\n", ReadLastGood());
        Assert.Empty(Alarms(agent));
    }

    [Theory]
    [InlineData("storage:\n  events-kept: many\n", "many")]
    [InlineData("storage:\n  events-kept: 1\n", "between 100")]
    [InlineData("storage:\n  event-kept: 100\n", "agent.yaml:2: unknown key \"event-kept\"")]
    public async Task A_bad_file_at_start_leaves_the_last_good_one_in_force_with_an_alarm(string bad, string why)
    {
        Write("storage:\n  events-kept: 500\n");
        await using (var before = Agent())
            before.Services.GetRequiredService<Settings>().LoadAtStart();
        Write(bad);

        await using var agent = Agent();
        agent.Services.GetRequiredService<Settings>().LoadAtStart();
        Assert.Equal(500, EventsKept(agent));
        var alarm = Assert.Single(Alarms(agent));
        Assert.Contains(why, alarm.Found, StringComparison.Ordinal);
        Assert.Contains("last good", alarm.Done, StringComparison.Ordinal);
        Assert.Equal("storage:\n  events-kept: 500\n", ReadLastGood());
    }

    [Fact]
    public async Task A_bad_file_and_no_last_good_one_leaves_the_defaults_with_an_alarm()
    {
        Write("nonsense");
        await using var agent = Agent();
        agent.Services.GetRequiredService<Settings>().LoadAtStart();
        Assert.Equal(20_000, EventsKept(agent));
        Assert.Contains("defaults", Assert.Single(Alarms(agent)).Done, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_nothing_can_be_used_the_reasons_are_told()
    {
        Write("nonsense");
        await using var agent = Agent(("engine:Endpoint", "tcp://somewhere"));
        var refused = Assert.Throws<SettingsException>(() =>
            agent.Services.GetRequiredService<Settings>().LoadAtStart()
        );
        Assert.Equal(2, refused.Errors.Count);
        Assert.Contains("unix:///", refused.Errors[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_was_named_and_is_missing_is_an_error()
    {
        await using var agent = Agent();
        agent.Services.GetRequiredService<Settings>().LoadAtStart();
        Assert.Contains("agent.yaml", Assert.Single(Alarms(agent)).Found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_command_line_wins_over_the_file()
    {
        Write("storage:\n  events-kept: 500\n");
        await using var agent = Agent(("storage:EventsKept", "700"));
        agent.Services.GetRequiredService<Settings>().LoadAtStart();
        Assert.Equal(700, EventsKept(agent));
    }

    [Fact]
    public async Task A_reload_takes_a_good_file_and_keeps_what_is_in_force_for_a_bad_one()
    {
        Write("storage:\n  events-kept: 500\n");
        await using var agent = Agent();
        var settings = agent.Services.GetRequiredService<Settings>();
        settings.LoadAtStart();
        Assert.Equal(500, EventsKept(agent));

        Write("storage:\n  events-kept: 600\n");
        Assert.True(settings.Reload());
        Assert.Equal(600, EventsKept(agent));
        Assert.Contains("storage only from the next start", Newest(agent).Done, StringComparison.Ordinal);

        Write("storage:\n  events-kept: 1\n");
        Assert.False(settings.Reload());
        Assert.Equal(600, EventsKept(agent));
        Assert.Equal("settings.refused", Newest(agent).Kind);
        Assert.Equal("storage:\n  events-kept: 600\n", ReadLastGood());
    }

    private WebApplication Agent(params (string Path, string Value)[] arguments)
    {
        var given = arguments.ToDictionary(a => a.Path, string? (a) => a.Value);
        given.TryAdd("storage:DataDirectory", Path.Combine(folder, "state"));
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.AddSettings(
            new CommandLine(File, given),
            [
                SettingsSection.Of<StorageOptions>(StorageOptions.Section, countsAtStart: true),
                SettingsSection.Of<EngineOptions>(EngineOptions.Section, countsAtStart: true),
                SettingsSection.Of<LoggingOptions>(LoggingOptions.Section),
            ]
        );
        builder.Services.AddSingleton(TimeProvider.System).AddStorage().AddHost();
        return builder.Build();
    }

    private void Write(string text) => System.IO.File.WriteAllText(File, text);

    private string ReadLastGood() => System.IO.File.ReadAllText(Path.Combine(folder, "state", "agent.yaml.last-good"));

    private static int EventsKept(WebApplication agent) =>
        agent.Services.GetRequiredService<IOptionsMonitor<StorageOptions>>().CurrentValue.EventsKept;

    private static List<StoredEvent> Alarms(WebApplication agent) =>
        [
            .. agent
                .Services.GetRequiredService<EventLog>()
                .After(0, 100, null)
                .Where(e => e.Severity == EventSeverity.Error),
        ];

    private static StoredEvent Newest(WebApplication agent) =>
        agent.Services.GetRequiredService<EventLog>().Tail(1, null)[0];
}
