namespace Agent.Cli.Tests;

/// <summary>Holding the appliance as it is, and letting go of it.</summary>
public sealed class MaintenanceTests
{
    [Fact]
    public async Task A_hold_is_asked_for_with_its_reason_and_for_its_time()
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            "maintenance",
            "hold",
            "--for",
            "1h30m",
            "--reason",
            "disk swap"
        );

        Assert.Equal(
            (0, "uid:0 (root) holds the appliance for maintenance since yesterday\n", ""),
            (run.ExitCode, run.Stdout, run.Stderr)
        );
        Assert.Equal("Hold { \"reason\": \"disk swap\", \"for\": \"5400s\" }", Assert.Single(agent.Calls));
    }

    [Fact]
    public async Task Without_a_time_it_lasts_until_it_is_released()
    {
        await using var agent = await FakeAgent.StartAsync();

        Assert.Equal(0, (await Appliancectl.RunAsync(agent.Socket, "maintenance", "hold")).ExitCode);
        var run = await Appliancectl.RunAsync(agent.Socket, "maintenance", "release");

        Assert.Equal((0, "nobody holds the appliance\n"), (run.ExitCode, run.Stdout));
        Assert.Equal(["Hold { }", "Release { }"], agent.Calls);
    }

    [Theory]
    [InlineData("0s")]
    [InlineData("soon")]
    [InlineData("2")]
    public async Task A_time_that_is_none_is_a_usage_error(string time)
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(agent.Socket, "maintenance", "hold", "--for", time);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"--for is a time span such as 30m, 2h or 1d, not '{time}'.", run.Stderr);
        Assert.Empty(agent.Calls);
    }
}
