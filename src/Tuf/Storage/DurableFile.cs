using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Tuf;

/// <summary>Writes small files so that, whatever is killed when, the old content or the new one is there, whole.</summary>
public static partial class DurableFile
{
    /// <summary>Puts a file in place; when this returns, it outlasts a loss of power.</summary>
    /// <param name="isPrivate">Whether only its owner may read it.</param>
    /// <exception cref="IOException">It cannot be written, as on a full disk. What was there is still there.</exception>
    public static async Task WriteAsync(
        string path,
        ReadOnlyMemory<byte> bytes,
        bool isPrivate,
        CancellationToken cancellationToken
    )
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        // Hidden, and with an ending of its own: what a crash leaves behind is taken for nothing else.
        var temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.part");
        File.Delete(temporary);
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (isPrivate && !OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            await using (var stream = new FileStream(temporary, options))
            {
                await stream.WriteAsync(bytes, cancellationToken);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        FlushFolder(folder);
    }

    /// <summary>Makes a folder that only its owner may look into.</summary>
    public static void MakePrivateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(
                folder,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            );
    }

    /// <summary>Makes the names in a folder outlast a loss of power.</summary>
    /// <exception cref="IOException">The kernel could not.</exception>
    public static void FlushFolder(string folder)
    {
        using var handle = new SafeFileHandle(Open(folder, ReadOnlyFolder), ownsHandle: true);
        if (handle.IsInvalid || Flush(handle) != 0)
            throw new IOException($"{folder} cannot be made durable: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    // O_RDONLY | O_CLOEXEC, numbers of Linux.
    private const int ReadOnlyFolder = 0x80000;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(SafeFileHandle handle);
}
