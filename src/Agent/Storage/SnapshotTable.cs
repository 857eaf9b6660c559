using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

internal enum SnapshotState
{
    /// <summary>It is to be made; there may be parts of it.</summary>
    Wanted,
    Made,

    /// <summary>It took its place again when the operation was taken back.</summary>
    PutBack,

    /// <summary>There is none (any more); the reason says why.</summary>
    Gone,
}

/// <summary>What a volume held when an operation began to change it.</summary>
/// <param name="Volume">As the engine names it.</param>
/// <param name="Live">Where the engine has the volume's files.</param>
/// <param name="Kept">Where the snapshot is: on the same file system, in the folder of its operation.</param>
/// <param name="Bytes">That the volume took.</param>
/// <param name="SharesBlocks">Whether the snapshot takes only what is changed afterwards.</param>
/// <param name="TakenAt">In whole seconds: what was written later is not in it.</param>
/// <param name="Reason">Why there is none; empty unless it is gone.</param>
internal sealed record VolumeSnapshot(
    long Operation,
    string Volume,
    string Live,
    string Kept,
    SnapshotState State,
    long Bytes,
    bool SharesBlocks,
    DateTimeOffset TakenAt,
    string Reason
)
{
    /// <summary>Where what the volume holds is put when the snapshot takes its place.</summary>
    public string Abandoned => Kept + ".abandoned";

    /// <summary>All that an operation keeps.</summary>
    public string Folder => Path.GetDirectoryName(Kept)!;
}

/// <summary>The snapshots of volumes; rows that go with a step of an operation are written with it.</summary>
internal sealed class SnapshotTable(Database database)
{
    private const string Columns =
        "SELECT operation, volume, live, kept, state, bytes, shares_blocks, taken, reason FROM snapshots";

    public IReadOnlyList<VolumeSnapshot> All =>
        database.Read(c => c.Rows($"{Columns} ORDER BY operation, volume", Row));

    public IReadOnlyList<VolumeSnapshot> Of(long operation) =>
        database.Read(c => c.Rows($"{Columns} WHERE operation = ?1 ORDER BY volume", Row, operation));

    /// <exception cref="StorageException">It could not be made durable.</exception>
    public void Put(IReadOnlyList<VolumeSnapshot> snapshots) =>
        database.Promise(c =>
        {
            foreach (var snapshot in snapshots)
                Put(c, snapshot);
            return snapshots.Count;
        });

    /// <summary>Once nothing of them is there any more.</summary>
    /// <exception cref="StorageException">It could not be made durable.</exception>
    public void Forget(long operation) =>
        database.Promise(c => c.Execute("DELETE FROM snapshots WHERE operation = ?1", operation));

    public static void Put(SqliteConnection c, VolumeSnapshot s) =>
        c.Execute(
            """
            INSERT OR REPLACE INTO snapshots
                (operation, volume, live, kept, state, bytes, shares_blocks, taken, reason)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            """,
            s.Operation,
            s.Volume,
            s.Live,
            s.Kept,
            s.State.ToString(),
            s.Bytes,
            s.SharesBlocks ? 1 : 0,
            s.TakenAt.ToUnixTimeMilliseconds(),
            s.Reason
        );

    private static VolumeSnapshot Row(SqliteDataReader r) =>
        new(
            r.GetInt64(0),
            r.GetString(1),
            r.GetString(2),
            r.GetString(3),
            Enum.Parse<SnapshotState>(r.GetString(4)),
            r.GetInt64(5),
            r.GetInt64(6) != 0,
            r.Time(7),
            r.GetString(8)
        );
}
