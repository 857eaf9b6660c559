using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Tests.WriteLogs;

/// <summary>A raw disk that is changed in place.</summary>
internal sealed partial class SparseFile(string path) : IDisposable
{
    private const int KeepSize = 1;
    private const int PunchHole = 2;

    private readonly SafeFileHandle file = File.OpenHandle(
        path,
        FileMode.Open,
        FileAccess.ReadWrite,
        FileShare.ReadWrite
    );

    public long Length => RandomAccess.GetLength(file);

    public void Read(Span<byte> buffer, long offset)
    {
        while (buffer.Length > 0)
        {
            var count = RandomAccess.Read(file, buffer, offset);
            if (count == 0)
                throw new EndOfStreamException($"{path} ends before {offset}");
            buffer = buffer[count..];
            offset += count;
        }
    }

    public void Write(ReadOnlySpan<byte> buffer, long offset) => RandomAccess.Write(file, buffer, offset);

    /// <summary>Makes a range zero, and gives its space back.</summary>
    public void Punch(long offset, long length)
    {
        if (length > 0 && Fallocate(file, PunchHole | KeepSize, offset, length) != 0)
            throw new IOException($"fallocate of {path} failed with {Marshal.GetLastPInvokeError()}");
    }

    public void Dispose() => file.Dispose();

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Fallocate(SafeFileHandle file, int mode, long offset, long length);
}
