using System.Runtime.InteropServices;

namespace Appliance.Cli.Output;

/// <summary>How wide a terminal is, asked of the kernel.</summary>
/// <param name="Columns">Null for one that does not say, as a serial line.</param>
internal sealed partial record TerminalWidth(int? Columns)
{
    // TIOCGWINSZ of Linux.
    private const nuint GetWindowSize = 0x5413;

    public static TerminalWidth Of(int descriptor) =>
        new(ioctl(descriptor, GetWindowSize, out var size) == 0 && size.Columns > 0 ? size.Columns : null);

    [LibraryImport("libc")]
    private static partial int ioctl(int descriptor, nuint request, out WindowSize size);

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort PixelsAcross;
        public ushort PixelsDown;
    }
}
