using System.Runtime.InteropServices;

namespace Appliance.Cli.Output;

/// <summary>
/// Standard output or standard error, straight from the kernel. The console's own streams set the terminal up for
/// reading keys, print what that takes, and drop in silence what a closed pipe does not take.
/// </summary>
internal sealed partial class Descriptor(int number) : Stream
{
    // Numbers of Linux.
    private const nuint GetWindowSize = 0x5413;
    private const int Interrupted = 4;
    private const int BrokenPipe = 32;

    private bool readerGone;

    public static Descriptor Stdout => new(1);

    public static Descriptor Stderr => new(2);

    /// <summary>How wide the terminal is; null for one that does not say, as a serial line.</summary>
    public int? Columns =>
        WindowSizeOf(number, GetWindowSize, out var size) == 0 && size.Columns > 0 ? size.Columns : null;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="ReaderGoneException">Nobody reads any more. Thrown once; what comes later is dropped.</exception>
    /// <exception cref="IOException">It cannot be written, as on a full disk.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0 && !readerGone)
        {
            var written = WriteTo(number, buffer, (nuint)buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }

            var error = Marshal.GetLastPInvokeError();
            if (error == Interrupted)
                continue;
            readerGone = error == BrokenPipe;
            throw readerGone ? new ReaderGoneException() : new OutputException(Marshal.GetPInvokeErrorMessage(error));
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteTo(int descriptor, ReadOnlySpan<byte> buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int WindowSizeOf(int descriptor, nuint request, out WindowSize size);

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort PixelsAcross;
        public ushort PixelsDown;
    }
}

/// <summary>Whoever read the output has had enough, as <c>head</c> after its lines. Nothing went wrong.</summary>
internal sealed class ReaderGoneException() : OutputException("nobody reads any more");

/// <summary>What was to be printed could not be, as on a full disk.</summary>
internal class OutputException(string why) : IOException($"the output cannot be written: {why}");
