using System.Runtime.InteropServices;

namespace Appliance.Agent.Control;

/// <summary>Names of users and groups, from whatever the system has configured (nsswitch.conf).</summary>
internal static unsafe partial class Accounts
{
    /// <summary>ERANGE of errno.h: the buffer is too small for the entry.</summary>
    private const int TooSmall = 34;

    private const int MaxBuffer = 1024 * 1024;

    /// <summary>The id of a group; null when there is none of that name, or it cannot be told.</summary>
    public static uint? GroupId(string name)
    {
        for (var size = 4096; size <= MaxBuffer; size *= 4)
        {
            var buffer = new byte[size];
            fixed (byte* space = buffer)
            {
                var error = GetGroup(name, out var group, space, (nuint)size, out var found);
                if (error != TooSmall)
                    return error == 0 && found != 0 ? group.Id : null;
            }
        }
        return null;
    }

    /// <summary>The name of a user; null when there is none, or it cannot be told.</summary>
    public static string? UserName(uint uid)
    {
        var buffer = new byte[16 * 1024];
        fixed (byte* space = buffer)
        {
            var error = GetUser(uid, out var user, space, (nuint)buffer.Length, out var found);
            return error == 0 && found != 0 ? Marshal.PtrToStringUTF8(user.Name) : null;
        }
    }

    [LibraryImport("libc", EntryPoint = "getgrnam_r", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetGroup(string name, out Group group, byte* buffer, nuint size, out nint found);

    [LibraryImport("libc", EntryPoint = "getpwuid_r")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetUser(uint uid, out User user, byte* buffer, nuint size, out nint found);

    // struct group and struct passwd of glibc and musl on 64 bits.
    [StructLayout(LayoutKind.Sequential)]
    private struct Group
    {
        public nint Name;
        public nint Password;
        public uint Id;
        public nint Members;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct User
    {
        public nint Name;
        public nint Password;
        public uint Id;
        public uint GroupId;
        public nint FullName;
        public nint Home;
        public nint Shell;
    }
}
