using System.Runtime.InteropServices;
using SQLitePCL;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Which SQLite library is used: the system's, which gets its security updates, else the one from the package.</summary>
internal static class SqliteLibrary
{
    private const string PackagedName = "e_sqlite3";
    private const string SystemName = "libsqlite3.so.0"; // The soname on Linux.

    private static readonly Lazy<bool> Loaded = new(() =>
    {
        NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        return true;
    });

    /// <summary>Before the first connection; again does nothing.</summary>
    public static void Load() => _ = Loaded.Value;

    // Zero means: as if there were no resolver.
    private static nint Resolve(string name, System.Reflection.Assembly assembly, DllImportSearchPath? searchPath) =>
        name == PackagedName && OperatingSystem.IsLinux() && NativeLibrary.TryLoad(SystemName, out var library) ? library : 0;
}
