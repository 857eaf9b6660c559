using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Agent.Content;

/// <summary>
/// Starts what was written to a file on its way to the disk while more arrives, so that little is left to wait for when
/// it has to be there.
/// </summary>
internal static partial class WriteBehind
{
    // SYNC_FILE_RANGE_WRITE, a number of Linux.
    private const uint StartWriting = 2;

    /// <summary>Only a hint: whether the bytes are on the disk is for a flush to say, and so are errors.</summary>
    public static void Start(SafeFileHandle file, long offset, long length) =>
        _ = SyncFileRange(file, offset, length, StartWriting);

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int SyncFileRange(SafeFileHandle file, long offset, long length, uint flags);
}
