using System.Runtime.InteropServices;

namespace Appliance.Agent.Host;

/// <summary>What the kernel knows of the clock.</summary>
internal static partial class MachineClock
{
    // TIME_ERROR, a number of Linux: nobody has set it right, or not for long.
    private const int NotSynchronised = 5;

    /// <summary>Whether something keeps the clock right; null: the kernel does not say.</summary>
    public static unsafe bool? IsSynchronised
    {
        get
        {
            // struct timex, with room to spare; modes 0: nothing is changed.
            Span<ulong> state = stackalloc ulong[64];
            state.Clear();
            fixed (ulong* at = state)
                return AdjustTime(at) switch
                {
                    < 0 => null,
                    var status => status != NotSynchronised,
                };
        }
    }

    [LibraryImport("libc", EntryPoint = "adjtimex", SetLastError = true)]
    private static unsafe partial int AdjustTime(ulong* state);
}
