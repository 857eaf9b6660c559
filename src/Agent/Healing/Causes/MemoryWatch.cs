using System.Text;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Healing;

/// <summary>
/// When the machine counts as short of memory: the kernel says so again and again within half a minute; and not any more
/// once it has not said so for as long. Pure.
/// </summary>
internal sealed record Pressure(IReadOnlyList<DateTimeOffset> Signs, bool Stands)
{
    public const int SignsToStand = 3;
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    public static Pressure None { get; } = new([], false);

    public Pressure On(bool sign, DateTimeOffset now)
    {
        // Also what a clock that was put back has left in the future.
        var signs = Signs.Where(s => s <= now && now - s < Window).ToList();
        if (sign)
            signs.Add(now);
        return new(signs, Stands ? signs.Count > 0 : signs.Count >= SignsToStand);
    }
}

/// <summary>
/// Has the kernel tell when all programs of the machine stand still for want of memory (pressure stall information). Where
/// the kernel does not have it, memory is not watched.
/// </summary>
internal sealed class MemoryWatch(
    MachineProblems problems,
    KernelPoll kernel,
    TimeProvider clock,
    ILogger<MemoryWatch> log
) : BackgroundService
{
    private const string Memory = "/proc/pressure/memory";

    private static readonly TimeSpan Idle = TimeSpan.FromDays(1);

    // A fifth of two seconds in which nothing got on. Who is not privileged may only ask for multiples of two seconds.
    private static readonly byte[] Trigger = Encoding.ASCII.GetBytes("full 400000 2000000\0");

    private readonly Wakeups wakeups = new(clock);
    private int signs;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!TryWatch())
            return;
        try
        {
            var pressure = Pressure.None;
            while (true)
            {
                // With nothing to forget it waits for the kernel alone.
                await wakeups.WaitAsync(pressure.Signs.Count > 0 ? Pressure.Window : Idle, stoppingToken);
                pressure = pressure.On(Interlocked.Exchange(ref signs, 0) > 0, clock.GetUtcNow());
                problems.Set(
                    "memory",
                    pressure.Stands
                        ? new(
                            Cause.MemoryShort,
                            "the machine is short of memory: its programs stand still for want of it"
                        )
                        : null
                );
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    private bool TryWatch()
    {
        try
        {
            var file = File.OpenHandle(Memory, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            try
            {
                RandomAccess.Write(file, Trigger, 0);
                kernel.Watch(file, KernelPoll.Urgent, Sign);
                return true;
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            log.NotWatched("Memory pressure", e.Message);
            return false;
        }
    }

    private void Sign()
    {
        Interlocked.Increment(ref signs);
        wakeups.Wake();
    }
}
