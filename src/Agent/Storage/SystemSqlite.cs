using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Appliance.Agent.Storage;

/// <summary>Binds the provider to the operating system's libsqlite3, so that its security patches reach the agent.</summary>
internal static class SystemSqlite
{
    private const string Library = "libsqlite3.so.0";

    private static readonly Lazy<bool> Bound = new(() =>
    {
        NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        return true;
    });

    /// <exception cref="DllNotFoundException">libsqlite3 is not installed (Debian: libsqlite3-0).</exception>
    public static void Use() => _ = Bound.Value;

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) =>
        name == "e_sqlite3" ? NativeLibrary.Load(Library) : 0;
}
