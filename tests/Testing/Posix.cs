using System.Runtime.InteropServices;

namespace Appliance.Testing;

/// <summary>What tests need of the kernel and the BCL does not offer.</summary>
public static partial class Posix
{
    /// <summary>SIGHUP.</summary>
    public const int SigHup = 1;

    /// <summary>SIGKILL.</summary>
    public const int SigKill = 9;

    /// <summary>SIGTERM.</summary>
    public const int SigTerm = 15;

    /// <summary>SIGCONT.</summary>
    public const int SigCont = 18;

    /// <summary>SIGSTOP.</summary>
    public const int SigStop = 19;

    private const int MntDetach = 2;

    /// <summary>Sends a signal; false when there is no such process.</summary>
    public static bool Kill(int pid, int signal) => KillCall(pid, signal) == 0;

    internal static void Unmount(string path) => UnmountCall(path, MntDetach);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int KillCall(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountCall(string target, int flags);
}
