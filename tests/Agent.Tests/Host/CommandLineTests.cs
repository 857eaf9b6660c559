using Appliance.Agent.Host;

namespace Appliance.Agent.Tests.Host;

public sealed class CommandLineTests
{
    [Fact]
    public void Every_flag_sets_what_it_says()
    {
        string[] arguments = ["--data=/d", "--socket", "/s", "--docker", "unix:///e", "--config", "/c"];
        Assert.True(CommandLine.TryParse(arguments, out var parsed, out _));
        Assert.Equal("/c", parsed.ConfigFile);
        Assert.Equal(
            new Dictionary<string, string?>
            {
                ["storage:DataDirectory"] = "/d",
                ["control:Socket"] = "/s",
                ["engine:Endpoint"] = "unix:///e",
            },
            parsed.Settings
        );
    }

    [Fact]
    public void A_relative_path_counts_from_the_working_directory()
    {
        Assert.True(CommandLine.TryParse(["--data", "state"], out var parsed, out _));
        Assert.Equal(Path.GetFullPath("state"), parsed.Settings["storage:DataDirectory"]);
    }

    [Theory]
    [InlineData("unknown argument --dtaa", "--dtaa", "/d")]
    [InlineData("unknown argument data", "data")]
    [InlineData("--data needs a value", "--data")]
    [InlineData("--data needs a value", "--data=")]
    [InlineData("--data needs a value", "--data", "--socket", "/s")]
    [InlineData("--data is given twice", "--data", "/a", "--data", "/b")]
    [InlineData("--config is given twice", "--config", "/a", "--config=/b")]
    public void A_wrong_argument_is_named_and_ends_with_2(string message, params string[] arguments)
    {
        Assert.False(CommandLine.TryParse(arguments, out _, out var ending));
        Assert.Equal(2, ending.Code);
        Assert.Contains(message, ending.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help", "--data DIR")]
    [InlineData("--version", "appliance-agent 0.")]
    public void Questions_are_answered_with_0(string argument, string answer)
    {
        Assert.False(CommandLine.TryParse([argument], out _, out var ending));
        Assert.Equal(0, ending.Code);
        Assert.Contains(answer, ending.Message, StringComparison.Ordinal);
    }
}
