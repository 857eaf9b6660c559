using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Agent.Healing;

/// <summary>What a clock that was set was set by. Pure.</summary>
/// <param name="Ahead">The clock's time, less the time since the machine was booted.</param>
internal sealed record ClockState(TimeSpan Ahead)
{
    // A clock that is kept right moves by less.
    public static readonly TimeSpan Least = TimeSpan.FromSeconds(30);

    public static ClockState At(DateTimeOffset wall, TimeSpan sinceBoot) =>
        new(wall - DateTimeOffset.UnixEpoch - sinceBoot);

    /// <returns>Null: it was not set by anything to speak of.</returns>
    public TimeSpan? JumpTo(ClockState now) => now.Ahead - Ahead is var by && by.Duration() >= Least ? by : null;
}

/// <summary>
/// Has the kernel tell when somebody sets the clock. What waits for a time waits as long as it was to wait, then: a clock
/// neither gives budgets back nor holds anything up.
/// </summary>
internal sealed partial class ClockWatch(
    KernelPoll kernel,
    RungLedger ledger,
    Holds holds,
    MachineProblems problems,
    EventLog events,
    TimeProvider clock,
    ILogger<ClockWatch> log
) : BackgroundService
{
    // Numbers of Linux.
    private const int RealTime = 0;
    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const int Absolute = 1;
    private const int CancelOnSet = 2;

    // The year 2255: as far as a timer goes, and beyond any clock.
    private const long Never = 9_000_000_000;

    private static readonly TimeSpan Idle = TimeSpan.FromDays(1);

    private readonly Wakeups wakeups = new(clock);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var before = Now();
        if (!TryWatch())
            return;
        try
        {
            while (true)
            {
                await wakeups.WaitAsync(Idle, stoppingToken);
                var now = Now();
                if (before.JumpTo(now) is { } by)
                    OnJump(by);
                before = now;
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    internal void OnJump(TimeSpan by)
    {
        log.ClockWasSet(by);
        try
        {
            if (Budget.Shifted(ledger.All, by) is { Count: > 0 } shifted)
                ledger.Put(shifted);
            holds.Shift(by);
        }
        // Then a record in the future is put right when it is looked at, and one in the past counts as it is.
        catch (StorageException e)
        {
            log.NotWritten(e.Message);
        }
        var way = by < TimeSpan.Zero ? "back" : "forward";
        events.Append(
            new(
                EventSeverity.Warning,
                "machine.clock",
                null,
                null,
                $"the clock was put {way} by {by.Duration().ToString("c", CultureInfo.InvariantCulture)}",
                "waits as long as before for what it waits for"
            )
        );
        problems.Report();
    }

    private ClockState Now() => ClockState.At(clock.GetUtcNow(), SinceBoot());

    // The time that the machine slept is in it, as it is in the clock's.
    private static TimeSpan SinceBoot() =>
        TimeSpan.FromSeconds(
            double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture)
        );

    private bool TryWatch()
    {
        try
        {
            var timer = new SafeFileHandle(CreateTimer(RealTime, CloseOnExec | NonBlocking), ownsHandle: true);
            // Far beyond any clock: it is only there to be cancelled.
            if (timer.IsInvalid || !Arm(timer))
            {
                timer.Dispose();
                throw new Win32Exception();
            }
            kernel.Watch(timer, KernelPoll.Readable, () => OnTimer(timer));
            return true;
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            log.NotWatched("The clock", e.Message);
            return false;
        }
    }

    private void OnTimer(SafeFileHandle timer)
    {
        // It fails, because the clock was set: with that it has been told.
        _ = Read(timer, new byte[8], 8);
        _ = Arm(timer);
        wakeups.Wake();
    }

    private static bool Arm(SafeFileHandle timer) =>
        SetTimer(timer, Absolute | CancelOnSet, [0, 0, Never, 0], nint.Zero) == 0;

    [LibraryImport("libc", EntryPoint = "timerfd_create", SetLastError = true)]
    private static partial int CreateTimer(int clock, int flags);

    // struct itimerspec: interval and expiry, seconds and nanoseconds each.
    [LibraryImport("libc", EntryPoint = "timerfd_settime", SetLastError = true)]
    private static partial int SetTimer(SafeFileHandle timer, int flags, long[] times, nint before);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle file, [Out] byte[] into, nint count);
}
