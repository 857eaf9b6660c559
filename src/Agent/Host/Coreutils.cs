using System.ComponentModel;
using System.Diagnostics;

namespace Appliance.Agent.Host;

/// <summary>
/// Programs of coreutils, which know every kind of file, owner, attribute and name that a folder may hold; the runtime does
/// not.
/// </summary>
internal static class Coreutils
{
    private const int MostSaid = 500;

    /// <summary>Runs one to its end; never through a shell.</summary>
    /// <returns>What it prints.</returns>
    /// <exception cref="IOException">It failed; the message is its own.</exception>
    public static async Task<string> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        var ended = await EndOfAsync(program, arguments, ct);
        return ended.ExitCode == 0 ? ended.Printed : throw ended.Failure(program);
    }

    /// <summary>As <see cref="RunAsync"/>, for one of which a failure may be none.</summary>
    /// <exception cref="IOException">It cannot be run.</exception>
    public static async Task<Ended> EndOfAsync(string program, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["LC_ALL"] = "C" },
        };
        try
        {
            using var process = Process.Start(start)!;
            try
            {
                var said = process.StandardError.ReadToEndAsync(ct);
                var printed = await process.StandardOutput.ReadToEndAsync(ct);
                await process.WaitForExitAsync(ct);
                return new Ended(process.ExitCode, printed, await said);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                throw;
            }
        }
        catch (Win32Exception e)
        {
            throw new IOException($"{program} cannot be run: {e.Message}", e);
        }
    }

    /// <summary>How a program ended.</summary>
    /// <param name="Said">What it had to complain of.</param>
    public sealed record Ended(int ExitCode, string Printed, string Said)
    {
        public IOException Failure(string program) => new($"{program} ended with {ExitCode}: {Brief(Said)}");
    }

    private static string Brief(string said)
    {
        var line = said.ReplaceLineEndings(" ").Trim();
        return line.Length <= MostSaid ? line : line[..(MostSaid - 1)] + "…";
    }
}
