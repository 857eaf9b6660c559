using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cli;

/// <summary>
/// Reads a line from the terminal without showing it. The console's own way would set the terminal up anew, and print
/// what that takes among the results.
/// </summary>
internal static partial class HiddenInput
{
    private const int MaxBytes = 4096;

    private static readonly UTF8Encoding Strict = new(
        encoderShouldEmitUTF8Identifier: false,
        throwOnInvalidBytes: true
    );

    /// <param name="prompt">Shows what is asked for; what was typed before it is dropped.</param>
    /// <returns>Null when the input has ended.</returns>
    /// <exception cref="IOException">Standard input is no terminal.</exception>
    /// <exception cref="DecoderFallbackException">What was typed is not UTF-8.</exception>
    public static string? ReadLine(Action prompt)
    {
        if (GetTerminal(StandardInput, out var shown) != 0)
            throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        // Who gives up in the middle gets a terminal back that shows what is typed.
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Restore());
        using var gone = PosixSignalRegistration.Create(PosixSignal.SIGHUP, _ => Restore());
        using var ended = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Restore());
        try
        {
            var hidden = shown;
            hidden.Local = (hidden.Local & ~Echo) | EchoNewLine;
            _ = SetTerminal(StandardInput, AfterFlushing, hidden);
            prompt();
            return Read();
        }
        finally
        {
            Restore();
        }

        void Restore() => _ = SetTerminal(StandardInput, AfterFlushing, shown);
    }

    private static string? Read()
    {
        using var input = new FileStream(new SafeFileHandle(StandardInput, ownsHandle: false), FileAccess.Read, 0);
        var line = new byte[MaxBytes];
        // A terminal gives a line at a time.
        var length = input.Read(line);
        return length == 0 ? null : Strict.GetString(line, 0, length).TrimEnd('\n', '\r');
    }

    // Numbers of Linux.
    private const int StandardInput = 0;
    private const int AfterFlushing = 2;
    private const uint Echo = 0x8;
    private const uint EchoNewLine = 0x40;

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    private static partial int GetTerminal(int descriptor, out Settings settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    private static partial int SetTerminal(int descriptor, int when, in Settings settings);

    [StructLayout(LayoutKind.Sequential)]
    private struct Settings
    {
        public uint Input;
        public uint Output;
        public uint Control;
        public uint Local;
        public Rest Rest;
    }

    /// <summary>The line discipline, control characters and speeds, which stay as they are.</summary>
    [InlineArray(48)]
    private struct Rest
    {
        private byte first;
    }
}
