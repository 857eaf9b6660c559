using System.Diagnostics;

namespace Appliance.Bench;

/// <summary>A program that is run to its end and measured from outside. One that fails ends the benchmarks.</summary>
internal sealed record Command(string Program, params string[] Arguments)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    public (string Name, string Value)? Variable { get; init; }

    /// <summary>How long it took, from its start to its end.</summary>
    public Task<TimeSpan> RunAsync(CancellationToken ct) => RunAsync(process => process.WaitForExitAsync(ct), ct);

    /// <summary>The most memory that it had resident, in MB of 1024 * 1024 bytes.</summary>
    public async Task<double> PeakMemoryAsync(CancellationToken ct)
    {
        var peak = 0.0;
        await RunAsync(
            async process =>
            {
                // What the kernel counts only grows, so the last look before the end misses next to nothing.
                while (!process.HasExited)
                {
                    peak = Math.Max(peak, Figures.PeakMemory(process));
                    await Task.Delay(Pause, TimeProvider.System, ct);
                }
            },
            ct
        );
        return peak;
    }

    private async Task<TimeSpan> RunAsync(Func<Process, Task> until, CancellationToken ct)
    {
        var start = new ProcessStartInfo(Program, Arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Variable is var (name, value))
            start.Environment[name] = value;
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{Program} did not start");
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var complaints = process.StandardError.ReadToEndAsync(ct);
        await until(process);
        await Task.WhenAll(output, complaints);
        await process.WaitForExitAsync(ct);
        var took = clock.Elapsed;
        return process.ExitCode == 0
            ? took
            : throw new InvalidOperationException(
                $"{Program} {string.Join(' ', Arguments)} ended with {process.ExitCode}: {await complaints}"
            );
    }
}
