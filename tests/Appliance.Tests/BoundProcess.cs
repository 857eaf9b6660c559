using System.Diagnostics;
using Appliance.Testing;

namespace Appliance.Tests;

/// <summary>
/// A program of the host that ends when this process does, however this one ends.
/// </summary>
/// <remarks>
/// The kernel's parent-death signal does that. The parent that it looks at is the thread that forked: a thread of the pool
/// may end at any time and would take the program with it. So each has a thread that lives as long as it does.
/// </remarks>
internal sealed class BoundProcess
{
    private readonly TaskCompletionSource<int> exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int pid;

    private BoundProcess() { }

    public int Pid => pid;

    /// <summary>Completes with the exit code.</summary>
    public Task<int> Exited => exited.Task;

    /// <summary>Starts it, its words going to a file.</summary>
    /// <exception cref="InvalidOperationException">It is not installed; the message says in which package it is.</exception>
    public static async Task<BoundProcess> StartAsync(string program, IEnumerable<string> arguments, string log)
    {
        if (!File.Exists("/usr/bin/" + program))
            throw Tool.Missing(program);
        var bound = new BoundProcess();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // The shell only redirects: it is setpriv by the time that this returns, and that is the program soon.
        var start = new ProcessStartInfo(
            "/bin/sh",
            ["-c", "exec setpriv --pdeathsig KILL \"$@\" </dev/null >>\"$LOG\" 2>&1", "sh", program, .. arguments]
        );
        start.Environment["LOG"] = log;
        var thread = new Thread(() => bound.Live(start, started)) { IsBackground = true, Name = program };
        thread.Start();
        await started.Task;
        return bound;
    }

    /// <summary>Kills it: it has no say in it.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        // Reaped only by the thread below, after which the number could be another's.
        if (!Exited.IsCompleted)
            Posix.Kill(pid, Posix.SigKill);
        await Exited.WaitAsync(ct);
    }

    private void Live(ProcessStartInfo start, TaskCompletionSource started)
    {
        try
        {
            using var process = Process.Start(start) ?? throw new InvalidOperationException("/bin/sh did not start");
            pid = process.Id;
            started.SetResult();
            process.WaitForExit();
            exited.SetResult(process.ExitCode);
        }
        catch (Exception e) when (started.TrySetException(e))
        {
            // Told to who starts it.
        }
    }
}
