using System.Globalization;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

/// <summary>
/// Watches the disks of the agent's state and of the engine: whether they take writes, and how much more. It looks once a
/// minute, and at once when the table of mounts changes, the state could not be written, or space was given back.
/// </summary>
internal sealed class DiskWatch(
    MachineProblems problems,
    DiskAlarms alarms,
    Pruning pruning,
    ISupervisor supervisor,
    Database database,
    KernelPoll kernel,
    IOptions<StorageOptions> storage,
    FullDiskLimit alarm,
    TimeProvider clock,
    ILogger<DiskWatch> log
) : BackgroundService
{
    private const string Mounts = "/proc/self/mountinfo";
    private const long Mebibyte = 1024 * 1024;
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    private readonly Wakeups wakeups = new(clock);
    private int hasFailed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        database.WriteFailed = OnFailure;
        pruning.Ended = wakeups.Wake;
        WatchMounts();
        try
        {
            while (true)
            {
                Look(Interlocked.Exchange(ref hasFailed, 0) == 1);
                await wakeups.WaitAsync(Every, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
        finally
        {
            database.WriteFailed = null;
            pruning.Ended = null;
        }
    }

    /// <summary>One look at all disks.</summary>
    /// <param name="afterFailure">Whether a write has failed, so that it is to be found out whether all do.</param>
    internal void Look(bool afterFailure)
    {
        var state = storage.Value.DataDirectory;
        var engine = supervisor.View.Engine.Folder is { Length: > 0 } folder ? folder : null;
        LookAt("state", state, alarm.LeastBytes, afterFailure);
        if (engine is not null)
            LookAt("engine", engine, alarm.ConfiguredBytes, afterFailure: false);
        // Afterwards: what is full is so before the reserve is given back.
        alarms.Look(state, engine);
    }

    /// <summary>What is wrong with a disk. Pure.</summary>
    /// <param name="mount">What the folder is on; null: not known.</param>
    /// <param name="writeError">Why nothing can be written; null when it can, or was not tried.</param>
    /// <param name="wasFull">Whether it was full at the last look: it is not again and again at the edge.</param>
    public static MachineProblem? Judge(
        string folder,
        MountEntry? mount,
        string? writeError,
        DiskSpace? space,
        long leastBytes,
        bool wasFull
    )
    {
        if (mount?.IsReadOnly == true)
            return new(Cause.DiskReadOnly, $"the disk of {folder} may only be read");
        if (writeError is not null)
            return new(Cause.DiskReadOnly, $"nothing can be written to {folder}: {writeError}");
        var least = wasFull ? leastBytes * 2 : leastBytes;
        return space switch
        {
            { FreeBytes: var free } when free < least => new(
                Cause.DiskFull,
                $"the disk of {folder} is full: {(free / Mebibyte).ToString(CultureInfo.InvariantCulture)} MiB are left"
            ),
            { FreeFiles: 0 } => new(Cause.DiskFull, $"the disk of {folder} takes no more files"),
            _ => null,
        };
    }

    private void LookAt(string what, string folder, long leastBytes, bool afterFailure)
    {
        var subject = $"disk of {what}";
        var known = problems.Of(subject)?.Cause;
        var space = DiskSpace.Of(folder);
        // A full disk takes no probe either, and is no other trouble for that.
        var isTight = space is { FreeBytes: < Mebibyte } or { FreeFiles: 0 };
        var isDoubted = afterFailure || known is Cause.DiskReadOnly && what == "state";
        problems.Set(
            subject,
            Judge(
                folder,
                MountTable.EntryOf(ReadMounts(), folder),
                isDoubted && !isTight ? WhyNotWritten(folder) : null,
                space,
                leastBytes,
                known is Cause.DiskFull
            )
        );
    }

    private static string? WhyNotWritten(string folder)
    {
        var path = Path.Combine(folder, ".write-probe");
        try
        {
            using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
                RandomAccess.Write(file, "?"u8, 0);
            File.Delete(path);
            return null;
        }
        // Nothing to watch yet, or any more.
        catch (DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private void WatchMounts()
    {
        try
        {
            kernel.Watch(File.OpenHandle(Mounts), KernelPoll.Urgent | KernelPoll.Failing, wakeups.Wake);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.NotWatched("The table of mounts", e.Message);
        }
    }

    private void OnFailure()
    {
        Volatile.Write(ref hasFailed, 1);
        wakeups.Wake();
    }

    private static string ReadMounts()
    {
        try
        {
            return File.ReadAllText(Mounts);
        }
        catch (IOException)
        {
            return "";
        }
    }
}
