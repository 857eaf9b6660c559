using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Appliance.Tests;

/// <summary>A program of the host that has ended, and what it said.</summary>
internal sealed record Tool(string Line, int ExitCode, byte[] Output, string Errors)
{
    // Which Debian package a missing program is in.
    private static readonly Dictionary<string, string> Packages = new(StringComparer.Ordinal)
    {
        ["qemu-system-x86_64"] = "qemu-system-x86",
        ["qemu-img"] = "qemu-utils",
        ["qemu-io"] = "qemu-utils",
        ["mformat"] = "mtools",
        ["mcopy"] = "mtools",
        ["mmd"] = "mtools",
        ["debugfs"] = "e2fsprogs",
        ["e2fsck"] = "e2fsprogs",
        ["mke2fs"] = "e2fsprogs",
        ["journalctl"] = "systemd",
        ["nsenter"] = "util-linux",
        ["unshare"] = "util-linux",
        ["setpriv"] = "util-linux",
    };

    public string Text => Encoding.UTF8.GetString(Output);

    /// <summary>Runs a program to its end; a cancelled one is killed with its children.</summary>
    /// <exception cref="InvalidOperationException">It is not installed; the message says in which package it is.</exception>
    public static async Task<Tool> TryAsync(string program, string[] arguments, CancellationToken ct)
    {
        using var process = Start(program, arguments);
        process.StandardInput.Close();
        using var output = new MemoryStream();
        try
        {
            var copied = process.StandardOutput.BaseStream.CopyToAsync(output, ct);
            var errors = await process.StandardError.ReadToEndAsync(ct);
            await copied;
            await process.WaitForExitAsync(ct);
            return new($"{program} {string.Join(' ', arguments)}", process.ExitCode, output.ToArray(), errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <inheritdoc cref="TryAsync"/>
    /// <exception cref="InvalidOperationException">It failed; the message holds what it said.</exception>
    public static async Task<Tool> RunAsync(string program, string[] arguments, CancellationToken ct)
    {
        var tool = await TryAsync(program, arguments, ct);
        return tool.ExitCode == 0 ? tool : throw tool.Failure();
    }

    /// <summary>What to throw when this program did not do what it was asked to.</summary>
    public InvalidOperationException Failure() => new($"{Line} ended with {ExitCode}: {Errors}{Text}".Trim());

    /// <summary>What to throw when a program is not there.</summary>
    public static InvalidOperationException Missing(string program, Exception? inner = null) =>
        new(
            $"{program} is not installed: run 'sudo apt-get install {Packages.GetValueOrDefault(program, program)}'",
            inner
        );

    private static Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // e2fsprogs and its like are not on the path of everyone.
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin";
        start.Environment["LC_ALL"] = "C";
        start.Environment["MTOOLS_SKIP_CHECK"] = "1";
        var found = start.Environment["PATH"]!
            .Split(':')
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);
        start.FileName = found ?? throw Missing(program);
        try
        {
            return Process.Start(start) ?? throw Missing(program);
        }
        catch (Win32Exception e)
        {
            throw Missing(program, e);
        }
    }
}
