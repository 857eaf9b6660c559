using System.Diagnostics;

namespace Appliance.Agent.Storage;

/// <summary>
/// Lets a test kill the agent right before or after the n-th entry of the journal, by <c>APPLIANCE_TEST_DIE_AT</c>
/// (<c>before:3</c>, <c>after:3</c>). Not in the program that is shipped.
/// </summary>
internal static class CrashPoint
{
#if DEBUG
    private static readonly string[] DieAt = (
        Environment.GetEnvironmentVariable("APPLIANCE_TEST_DIE_AT") ?? ":0"
    ).Split(':');
    private static int entries;
#endif

    [Conditional("DEBUG")]
    public static void Before()
    {
#if DEBUG
        Reach("before", Interlocked.Increment(ref entries));
#endif
    }

    [Conditional("DEBUG")]
    public static void After()
    {
#if DEBUG
        Reach("after", Volatile.Read(ref entries));
#endif
    }

#if DEBUG
    private static void Reach(string side, int entry)
    {
        if (DieAt[0] != side || int.Parse(DieAt[1], System.Globalization.CultureInfo.InvariantCulture) != entry)
            return;
        // SIGKILL: nothing is flushed, disposed of or said.
        using var self = Process.GetCurrentProcess();
        self.Kill();
        self.WaitForExit();
    }
#endif
}
