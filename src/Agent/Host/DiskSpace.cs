using System.Runtime.InteropServices;

namespace Appliance.Agent.Host;

/// <summary>How much the file system of a folder still takes, as the kernel tells of it.</summary>
/// <param name="FreeFiles">Null: it counts none.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly partial record struct DiskSpace(long FreeBytes, long? FreeFiles)
{
    /// <summary>What is taken and what is free; what only root may take is neither.</summary>
    public long TotalBytes { get; init; }

    /// <summary>Of the file system as a whole, as <c>df</c> prints it.</summary>
    public long SizeBytes { get; init; }

    /// <summary>What two folders have in common that are on one file system.</summary>
    public ulong Device { get; init; }

    /// <returns>Null: there is no such folder, or it does not say.</returns>
    public static unsafe DiskSpace? Of(string folder)
    {
        // struct statvfs and struct stat of glibc and musl on 64 bits, with room to spare.
        Span<ulong> space = stackalloc ulong[32];
        Span<ulong> about = stackalloc ulong[32];
        fixed (
            ulong* spaceAt = space,
                aboutAt = about
        )
        {
            if (StatFileSystem(folder, spaceAt) != 0 || Stat(folder, aboutAt) != 0)
                return null;
        }
        var (block, blocks, unused, free) = (space[1], space[2], space[3], space[4]);
        return new DiskSpace((long)(block * free), space[5] == 0 ? null : (long)space[7])
        {
            TotalBytes = (long)(block * (blocks - unused + free)),
            SizeBytes = (long)(block * blocks),
            Device = about[0],
        };
    }

    [LibraryImport("libc", EntryPoint = "statvfs", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatFileSystem(string path, ulong* answer);

    [LibraryImport("libc", EntryPoint = "stat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Stat(string path, ulong* answer);
}
