using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Agent.Healing;

/// <summary>
/// Waits for what the kernel tells of by poll(2) and the runtime has no way to wait for: one thread that sleeps in the
/// kernel until something happens, and none before the first is asked for.
/// </summary>
internal sealed partial class KernelPoll : IDisposable
{
    // Numbers of Linux.
    public const short Readable = 0x1;
    public const short Urgent = 0x2;
    public const short Failing = 0x8;

    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;

    private const int StackSize = 256 * 1024;

    private readonly Lock gate = new();
    private readonly List<(SafeFileHandle File, short Events, Action Happened)> watched = [];
    private SafeFileHandle? bell;
    private Thread? thread;
    private bool isOver;

    /// <summary>Calls back, on a thread of its own, whenever a file has one of the events. Closes the file at its end.</summary>
    /// <exception cref="IOException">The kernel has no more files to give.</exception>
    public void Watch(SafeFileHandle file, short events, Action happened)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isOver, this);
            bell ??= NewBell();
            watched.Add((file, events, happened));
            if (thread is null)
            {
                thread = new Thread(Run, StackSize) { IsBackground = true, Name = "kernel-poll" };
                thread.Start();
            }
            Ring();
        }
    }

    public void Dispose()
    {
        Thread? last;
        lock (gate)
        {
            if (isOver)
                return;
            isOver = true;
            last = thread;
            if (bell is not null)
                Ring();
        }
        last?.Join();
        foreach (var (file, _, _) in watched)
            file.Dispose();
        bell?.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            (SafeFileHandle File, short Events, Action Happened)[] files;
            lock (gate)
            {
                if (isOver)
                    return;
                files = [.. watched];
            }
            var asked = new PollFile[files.Length + 1];
            asked[0] = new PollFile { File = (int)bell!.DangerousGetHandle(), Events = Readable };
            for (var i = 0; i < files.Length; i++)
                asked[i + 1] = new PollFile
                {
                    File = (int)files[i].File.DangerousGetHandle(),
                    Events = files[i].Events,
                };
            if (Poll(asked, (ulong)asked.Length, -1) < 0)
                continue;
            if (asked[0].Happened != 0)
                _ = Read(bell, new byte[8], 8);
            for (var i = 0; i < files.Length; i++)
            {
                if ((asked[i + 1].Happened & files[i].Events) != 0)
                    files[i].Happened();
                // A file that has nothing but an error to tell would be told of for ever.
                else if (asked[i + 1].Happened != 0)
                    Forget(files[i].File);
            }
        }
    }

    private void Forget(SafeFileHandle file)
    {
        lock (gate)
            watched.RemoveAll(w => w.File == file);
        file.Dispose();
    }

    private void Ring() => _ = Write(bell!, [1, 0, 0, 0, 0, 0, 0, 0], 8);

    private static SafeFileHandle NewBell()
    {
        var made = new SafeFileHandle(EventFile(0, CloseOnExec | NonBlocking), ownsHandle: true);
        return made.IsInvalid ? throw new IOException("no eventfd", new Win32Exception()) : made;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFile
    {
        public int File;
        public short Events;
        public short Happened;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll([In, Out] PollFile[] files, ulong count, int timeout);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFile(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle file, [Out] byte[] into, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeFileHandle file, byte[] from, nint count);
}
