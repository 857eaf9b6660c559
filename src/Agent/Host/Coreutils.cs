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
                return process.ExitCode == 0
                    ? printed
                    : throw new IOException($"{program} ended with {process.ExitCode}: {Brief(await said)}");
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

    private static string Brief(string said)
    {
        var line = said.ReplaceLineEndings(" ").Trim();
        return line.Length <= MostSaid ? line : line[..(MostSaid - 1)] + "…";
    }
}
