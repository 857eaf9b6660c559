namespace Appliance.Bench;

/// <summary>How long appliancectl takes, from its start to its end.</summary>
internal static class CommandLine
{
    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var rounds = bed.Quick ? 5 : 20;
        await using var agent = await AgentProcess.StartInstalledAsync(bed, "cli", 1, TestBed.Sleeper, ct);
        await agent.UntilWellAsync(ct);

        var floor = await Figures.MedianAsync(rounds, () => new Command(bed.Floor("EmptyConsole")).RunAsync(ct));
        var rows = new List<Row>();
        foreach (var arguments in new string[][] { ["--version"], ["status", "--socket", agent.Socket] })
        {
            var command = new Command(bed.Program("appliancectl"), arguments);
            var took = await Figures.MedianAsync(rounds, () => command.RunAsync(ct));
            rows.Add(
                new(
                    $"appliancectl {arguments[0]}",
                    took,
                    "ms",
                    floor,
                    "an empty console app",
                    new Aim(1.5, TimesFloor: true)
                )
            );
        }
        return rows;
    }
}
