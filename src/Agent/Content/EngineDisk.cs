using System.Runtime.InteropServices;
using Appliance.Docker;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Agent.Content;

/// <summary>
/// The file system that the engine keeps images on. An engine answers a load while what it unpacked is still in memory:
/// after a power cut it knows the image, and its files are empty.
/// </summary>
internal sealed partial class EngineDisk(DockerEngine engine)
{
    // O_RDONLY | O_DIRECTORY | O_CLOEXEC, numbers of Linux.
    private const int ReadOnlyDirectory = 0x10000 | 0x80000;

    /// <summary>Returns when all that the engine wrote before is on the disk.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="DockerEngineException">The engine does not say where it is.</exception>
    public async Task FlushAsync(CancellationToken ct)
    {
        var folder = (await engine.System.InfoAsync(ct)).DockerRootDir;
        // Minutes, when much was written to a slow disk; who gives up waiting flushes again the next time.
        await Task.Run(() => Flush(folder), CancellationToken.None).WaitAsync(ct);
    }

    private static void Flush(string folder)
    {
        using var handle = new SafeFileHandle(Open(folder, ReadOnlyDirectory), ownsHandle: true);
        // Out of our sight, as for an agent in a container of its own: then everything, of which no error is told.
        if (handle.IsInvalid)
            Sync();
        else if (SyncFileSystem(handle) != 0)
            throw new IOException(
                $"what the engine wrote to {folder} cannot be put on the disk: {Marshal.GetLastPInvokeErrorMessage()}"
            );
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFileSystem(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "sync")]
    private static partial void Sync();
}
