using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Agent.Storage;

/// <summary>Makes names durable; the runtime opens no directories.</summary>
internal static partial class DurableFolder
{
    // O_RDONLY | O_DIRECTORY | O_CLOEXEC, numbers of Linux.
    private const int ReadOnlyDirectory = 0x10000 | 0x80000;

    /// <summary>Returns when what was created, renamed or deleted in the folder is on the disk.</summary>
    /// <exception cref="IOException">It cannot be opened, or written.</exception>
    public static void Flush(string folder)
    {
        using var handle = new SafeFileHandle(Open(folder, ReadOnlyDirectory), ownsHandle: true);
        if (handle.IsInvalid)
            throw new IOException($"{folder}: {Marshal.GetLastPInvokeErrorMessage()}");
        RandomAccess.FlushToDisk(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
