using System.Diagnostics;
using System.Text;

namespace Appliance.EndToEnd;

/// <summary>A command that has ended, and what it said.</summary>
internal sealed record Command(string Line, int ExitCode, string Output, string Errors, TimeSpan Took)
{
    /// <summary>Runs a command to its end; a cancelled one is killed with its children.</summary>
    public static async Task<Command> RunAsync(
        string file,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?> environment,
        CancellationToken cancellationToken
    )
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;

        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start");
        process.StandardInput.Close();
        var output = new StringBuilder();
        var errors = new StringBuilder();
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(errors, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        return new(
            $"{file} {string.Join(' ', start.ArgumentList)}",
            process.ExitCode,
            output.ToString(),
            errors.ToString(),
            clock.Elapsed
        );
    }

    /// <summary>This command, if it did what it was asked to.</summary>
    public Command Succeeded()
    {
        Assert.True(ExitCode == 0, $"{Line} ended with {ExitCode}:\n{Output}\n{Errors}");
        return this;
    }

    /// <summary>The words of the output: ids, names, paths.</summary>
    public string[] Words => Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null)
            return;
        lock (text)
            text.AppendLine(line);
    }
}
