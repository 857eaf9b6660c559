using System.Runtime.InteropServices;

namespace Appliance.Tests.WriteLogs;

/// <summary>What an entry of a log says was done, as bits.</summary>
[Flags]
internal enum LogFlags : ulong
{
    /// <summary>Data was written.</summary>
    None = 0,

    /// <summary>All that had ended before is durable.</summary>
    Flush = 1,

    /// <summary>This data is durable.</summary>
    ForceUnitAccess = 2,

    /// <summary>A range was given up; there is no data.</summary>
    Discard = 4,

    /// <summary>A note of whoever made the log.</summary>
    Mark = 8,
}

/// <summary>One entry of a log, without its data.</summary>
/// <param name="Number">Counted from 0.</param>
/// <param name="Flags">What was done.</param>
/// <param name="Offset">Where on the disk, in bytes.</param>
/// <param name="Length">How much of the disk, in bytes.</param>
/// <param name="Data">Where in the log its data is, in bytes; nothing is there for a discard.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LogEntry(long Number, LogFlags Flags, long Offset, long Length, long Data)
{
    public bool IsFlush => Flags.HasFlag(LogFlags.Flush);

    public bool IsDiscard => Flags.HasFlag(LogFlags.Discard);

    /// <summary>Whether it changes the disk.</summary>
    public bool Changes => Length > 0 && !Flags.HasFlag(LogFlags.Mark);
}
