using System.Diagnostics;

namespace Appliance.Bench;

/// <summary>How long appliancectl takes, from its start to its end.</summary>
internal static class CommandLine
{
    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var rounds = bed.Quick ? 5 : 20;
        await using var agent = AgentProcess.Start(bed, "cli", bed.Release("cli", 1, TestBed.Sleeper));
        await agent.UntilWellAsync(ct);

        var floor = await Figures.MedianAsync(rounds, () => RunAsync(bed.Floor("EmptyConsole"), [], ct));
        var rows = new List<Row>();
        foreach (var arguments in new string[][] { ["--version"], ["status", "--socket", agent.Socket] })
        {
            var took = await Figures.MedianAsync(rounds, () => RunAsync(bed.Program("appliancectl"), arguments, ct));
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

    private static async Task<TimeSpan> RunAsync(string program, string[] arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true };
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        await process.StandardOutput.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        if (process.ExitCode != 0)
            throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}"
            );
        return clock.Elapsed;
    }
}
