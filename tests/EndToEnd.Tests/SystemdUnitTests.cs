namespace Appliance.EndToEnd;

/// <summary>The units, as systemd itself judges them.</summary>
public sealed class SystemdUnitTests
{
    private const string Unit = "appliance/systemd/appliance-agent.service";
    private const string Ingress = "appliance/systemd/appliance-ingress.service";

    [Theory]
    [InlineData(Unit)]
    [InlineData("appliance/systemd/appliance-shutdown.service")]
    [InlineData(Ingress)]
    public async Task A_unit_is_one_that_systemd_takes_without_a_word(string unit)
    {
        var verified = await AnalyzeAsync("verify", "--man=no", Path.Combine(DevelopmentRun.Root, unit));
        Assert.Empty(Remarks(verified));
    }

    /// <summary>
    /// 0 is a process that can do nothing, 10 one that can do everything. A tenth of it is <c>sched_setaffinity</c>, without
    /// which the .NET runtime does not start.
    /// </summary>
    [Fact]
    public async Task The_unit_exposes_the_machine_no_more_than_the_agent_needs()
    {
        var judged = await AnalyzeAsync(
            "security",
            "--offline=true",
            "--threshold=26",
            Path.Combine(DevelopmentRun.Root, Unit)
        );
        Assert.True(judged.ExitCode == 0, judged.Output);
    }

    // The programs are installed where the units say, not where they are built: such a remark is about this machine.
    private static IEnumerable<string> Remarks(Command verified) =>
        verified
            .Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line =>
                !line.Contains("/usr/libexec/appliance/agent-guardian", StringComparison.Ordinal)
                && !line.Contains("/usr/libexec/appliance/ingress", StringComparison.Ordinal)
            );

    private static Task<Command> AnalyzeAsync(params string[] arguments) =>
        Command.RunAsync(
            "systemd-analyze",
            arguments,
            new Dictionary<string, string?>(),
            TestContext.Current.CancellationToken
        );
}
