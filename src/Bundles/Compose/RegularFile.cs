using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Bundles.Compose;

/// <summary>Reads files that somebody else names, without waiting for ever or reading without end.</summary>
public static partial class RegularFile
{
    /// <summary>Reads at most one byte more than <paramref name="maxBytes"/>, by which the caller sees that there is more.</summary>
    /// <exception cref="IOException">It is no file, as a pipe, or cannot be read.</exception>
    public static async Task<byte[]> ReadAsync(string path, int maxBytes, CancellationToken cancellationToken)
    {
        await using var file = Open(path);
        var bytes = new byte[maxBytes + 1];
        var length = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return bytes[..length];
    }

    /// <summary>Opens a file for reading; one that is a pipe does not keep the caller waiting for its writer.</summary>
    /// <exception cref="IOException">It is no file, as a pipe, or cannot be opened.</exception>
    public static FileStream Open(string path)
    {
        var handle = new SafeFileHandle(OpenAt(path, ReadOnlyWithoutWaiting), ownsHandle: true);
        if (handle.IsInvalid)
            throw new IOException(Marshal.GetLastPInvokeErrorMessage());

        var file = new FileStream(handle, FileAccess.Read);
        if (file.CanSeek)
            return file;
        file.Dispose();
        throw new IOException("it is not a regular file");
    }

    /// <summary>Whether there is a file of that name that holds bytes: no folder, device, pipe, socket or symbolic link.</summary>
    public static bool IsOne(string path)
    {
        Span<byte> facts = stackalloc byte[SizeOfFacts];
        return Examine(WorkingFolder, path, NotFollowingLinks, JustType, facts) == 0
            && (BitConverter.ToUInt16(facts[ModeInFacts..]) & TypeBits) == Regular;
    }

    // statx(2): AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_TYPE; stx_mode; S_IFMT, S_IFREG.
    private const int WorkingFolder = -100;
    private const int NotFollowingLinks = 0x100;
    private const uint JustType = 1;
    private const int SizeOfFacts = 256;
    private const int ModeInFacts = 28;
    private const int TypeBits = 0xF000;
    private const int Regular = 0x8000;

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Examine(int folder, string path, int flags, uint wanted, Span<byte> facts);

    // O_RDONLY | O_NONBLOCK | O_CLOEXEC, numbers of Linux.
    private const int ReadOnlyWithoutWaiting = 0x800 | 0x80000;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenAt(string path, int flags);
}
