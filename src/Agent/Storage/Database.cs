using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Storage;

/// <summary>Why a state file was set aside at start, and what of it could be carried over.</summary>
internal sealed record Replacement(
    string Reason,
    string MovedTo,
    IReadOnlyList<string> Saved,
    IReadOnlyList<string> Lost
);

/// <summary>
/// The agent's one SQLite file, <c>agent.db</c>. A single connection under a lock: commits are durable when they
/// return, and reads are short. It always opens: a damaged file is set aside, and where nothing can be written at all
/// the state is kept in memory, so that supervision goes on.
/// </summary>
internal sealed class Database : IDisposable
{
    // SQLite's primary result codes.
    private const int Busy = 5;
    internal const int ReadOnly = 8;
    private const int IoError = 10;
    private const int Corrupt = 11;
    internal const int Full = 13;
    internal const int CannotOpen = 14;
    private const int NotADatabase = 26;

    private const int HeaderLength = 100;

    private readonly Lock gate = new();
    private readonly string path;
    private readonly ReserveFile reserve;
    private (int Count, long Bytes) reservesUsed;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly SqliteConnection connection;
    private readonly Exception? unwritable;

    /// <exception cref="StorageInUseException">Another agent has this folder.</exception>
    public Database(IOptions<StorageOptions> options, TimeProvider clock, ILogger<Database> log)
    {
        this.clock = clock;
        this.log = log;
        path = Path.Combine(options.Value.DataDirectory, "agent.db");
        reserve = new ReserveFile(options);
        SystemSqlite.Use();
        try
        {
            PrepareFolder(options.Value.DataDirectory);
            connection = OpenWithReserve();
        }
        catch (SqliteException e) when (e.SqliteErrorCode == Busy)
        {
            throw new StorageInUseException(path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException || IsUnwritable(e))
        {
            log.StateKeptInMemory(path, e);
            unwritable = e;
            connection = Connect(":memory:");
            Schema.Migrate(connection);
        }
    }

    /// <summary>Set when this start had to set the old file aside.</summary>
    public Replacement? Replaced { get; private set; }

    /// <summary>Why nothing survives the end of this process; null when all is well.</summary>
    public string? NotDurableBecause => unwritable?.Message;

    /// <summary>How often the reserve had to be given back for what was to be written, and how large the last one was.</summary>
    public (int Count, long Bytes) ReservesUsed
    {
        get
        {
            lock (gate)
                return reservesUsed;
        }
    }

    /// <summary>Called after a write that could not be done, with the lock held: for nothing but to say so.</summary>
    public Action? WriteFailed { get; set; }

    /// <summary>Runs a short query.</summary>
    public T Read<T>(Func<SqliteConnection, T> query)
    {
        lock (gate)
            return query(connection);
    }

    /// <summary>Runs one transaction; it is on the disk when this returns.</summary>
    /// <exception cref="StorageException">It could not be written; nothing was changed.</exception>
    // Damage found while running ends the process on purpose: the next start repairs it (OpenOrReplace).
    public T Write<T>(Func<SqliteConnection, T> change)
    {
        lock (gate)
        {
            try
            {
                return WriteNow(change);
            }
            catch (StorageFullException) when (TryGiveBackReserve())
            {
                return WriteNow(change);
            }
        }
    }

    /// <summary>As <see cref="Write{T}"/>, for what somebody relies on after a restart.</summary>
    /// <exception cref="StorageException">It could not be written, or is only kept in memory.</exception>
    public T Promise<T>(Func<SqliteConnection, T> change) =>
        unwritable is null
            ? Write(change)
            : throw new StorageException($"{path} is not usable: {unwritable.Message}", unwritable);

    public void Dispose() => connection.Dispose();

    private static void PrepareFolder(string folder)
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(folder, ownerOnly);
        if (File.GetUnixFileMode(folder) != ownerOnly)
            File.SetUnixFileMode(folder, ownerOnly);
    }

    private T WriteNow<T>(Func<SqliteConnection, T> change)
    {
        try
        {
            return connection.InTransaction(change);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == Full)
        {
            WriteFailed?.Invoke();
            throw new StorageFullException(path, e);
        }
        catch (SqliteException e) when (IsUnwritable(e))
        {
            WriteFailed?.Invoke();
            throw new StorageException($"cannot write {path}: {e.Message}", e);
        }
    }

    private bool TryGiveBackReserve()
    {
        var bytes = reserve.Bytes;
        if (!reserve.GiveBack())
            return false;
        reservesUsed = (reservesUsed.Count + 1, bytes);
        return true;
    }

    private SqliteConnection OpenWithReserve()
    {
        try
        {
            return OpenOrReplace();
        }
        catch (Exception e) when ((e is IOException || IsUnwritable(e)) && IsFull && TryGiveBackReserve())
        {
            return OpenOrReplace();
        }
    }

    // What could not be opened may be so for another reason, for which the reserve is of no use.
    private bool IsFull => new DriveInfo(Path.GetDirectoryName(path)!).AvailableFreeSpace < reserve.Bytes;

    private SqliteConnection OpenOrReplace()
    {
        try
        {
            Replacing.Finish(path);
            return Open(path);
        }
        catch (DamagedException e)
        {
            return Replace(e.Message);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Corrupt or NotADatabase)
        {
            return Replace(e.Message);
        }
    }

    private SqliteConnection Open(string path)
    {
        // SQLite gives its -wal file the mode of the main one.
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        File.Open(
                path,
                new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.Read,
                    Share = FileShare.ReadWrite | FileShare.Delete,
                    UnixCreateMode = ownerOnly,
                }
            )
            .Dispose();
        if (File.GetUnixFileMode(path) != ownerOnly)
            File.SetUnixFileMode(path, ownerOnly);

        // SQLite would take a stump for a new file; an empty one is ours, from a start that got no further.
        if (new FileInfo(path).Length is > 0 and < HeaderLength)
            throw new DamagedException("it was cut off");

        var opened = Connect(path);
        try
        {
            var before = Schema.VersionOf(opened);
            if (before > Schema.Version && Schema.MissingFrom(opened) is { } missing)
                throw new DamagedException($"a newer agent has changed it, and there is no {missing} in it any more");
            if (opened.Rows("PRAGMA quick_check(1)", r => r.GetString(0)) is not ["ok"] and var findings)
                throw new DamagedException(string.Join("; ", findings));
            if (before > 0 && before < Schema.Version)
                KeepCopy(opened, $"{path}.v{before}");
            Schema.Migrate(opened);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Keeps the file as it is before tables are changed, beside it and in the place of an earlier copy. Where there is no room
    /// for it the tables are changed all the same: each step is whole or not at all, and nothing that was there is lost by it.
    /// </summary>
    private void KeepCopy(SqliteConnection opened, string copy)
    {
        try
        {
            var draft = copy + ".part";
            File.Delete(draft);
            // One that is there is of the same tables, and may be of long ago.
            opened.Execute("VACUUM INTO ?1", draft);
            using (var file = File.OpenHandle(draft, FileMode.Open, FileAccess.ReadWrite))
                RandomAccess.FlushToDisk(file);
            File.SetUnixFileMode(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.Move(draft, copy, overwrite: true);
            foreach (var earlier in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, "agent.db.v*").ToList())
            {
                if (earlier != copy)
                    File.Delete(earlier);
            }
            DurableFolder.Flush(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            log.NoCopyKept(copy, e.Message);
        }
    }

    private static SqliteConnection Connect(string file)
    {
        var source = new SqliteConnectionStringBuilder
        {
            DataSource = file,
            Pooling = false,
            // Only a second agent can hold the file, and a first one on its way out needs a moment.
            DefaultTimeout = 5,
        };
        var opened = new SqliteConnection(source.ConnectionString);
        opened.Open();
        try
        {
            // Exclusive: a second agent is kept out, and the WAL index lives in memory instead of in a -shm file, which
            // could not be created on a full disk.
            opened.Execute("PRAGMA locking_mode = EXCLUSIVE");
            opened.Execute("PRAGMA busy_timeout = 2000");
            opened.Execute("PRAGMA journal_mode = WAL");
            opened.Execute("PRAGMA synchronous = FULL");
            opened.Execute("PRAGMA foreign_keys = ON");
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    private SqliteConnection Replace(string reason)
    {
        var replacing = new Replacing(path, clock.GetUtcNow());
        // Made in full before the old one moves: where there is no room for it, the next start finds what this one found.
        var replaced = replacing.Prepare(reason, Open);
        replacing.Exchange();
        Replaced = replaced;
        log.StateFileReplaced(
            path,
            replaced.MovedTo,
            reason,
            string.Join(", ", replaced.Saved),
            string.Join(", ", replaced.Lost)
        );
        return Open(path);
    }

    /// <summary>
    /// Whether the next start would have the file: tried, and not guessed, so that an agent that ends for it does not end
    /// in vain.
    /// </summary>
    public bool CanBeOpened()
    {
        try
        {
            PrepareFolder(Path.GetDirectoryName(path)!);
            OpenOrReplace().Dispose();
            return true;
        }
        // Also while somebody else has it open.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
        {
            return false;
        }
    }

    private static bool IsUnwritable(Exception e) =>
        e is SqliteException { SqliteErrorCode: Full or IoError or ReadOnly or CannotOpen };

    private sealed class DamagedException(string message) : Exception(message);
}
