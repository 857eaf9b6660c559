using System.ComponentModel;
using System.Diagnostics;

namespace Appliance.Formats.Tests;

/// <summary>Runs programs to their end.</summary>
internal static class Tool
{
    /// <summary>Debian's package for a program that a minimal system does not have.</summary>
    private static readonly Dictionary<string, string> Packages = new()
    {
        ["qemu-img"] = "qemu-utils",
        ["virt-v2v"] = "virt-v2v",
    };

    /// <summary>The repository: these tests run what is in it.</summary>
    public static string Root { get; } = FindRoot();

    public static string Formats => Path.Combine(Root, "appliance", "formats.sh");

    public static Process Start(string program, IEnumerable<string> arguments, params (string Key, string Value)[] with)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var key in new[] { "PRODUCT", "VENDOR", "SOURCE_DATE_EPOCH" })
            start.Environment.Remove(key);
        foreach (var (key, value) in with)
            start.Environment[key] = value;
        try
        {
            var process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception)
        {
            Assert.Fail($"{program} is missing: apt-get install {Packages.GetValueOrDefault(program, program)}");
            throw;
        }
    }

    /// <summary>What it printed; it must succeed.</summary>
    public static async Task<string> RunAsync(
        string program,
        IEnumerable<string> arguments,
        params (string Key, string Value)[] with
    )
    {
        var (code, output, errors) = await TryAsync(program, arguments, with);
        Assert.True(code == 0, $"{program} ended with {code}: {errors}{output}");
        return output;
    }

    public static async Task<(int Code, string Output, string Errors)> TryAsync(
        string program,
        IEnumerable<string> arguments,
        params (string Key, string Value)[] with
    )
    {
        using var process = Start(program, arguments, with);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await errors);
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Agent.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("these tests are not in the repository");
    }
}
