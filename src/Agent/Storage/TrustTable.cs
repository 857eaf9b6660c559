namespace Appliance.Agent.Storage;

/// <summary>Signed metadata as it was received.</summary>
internal sealed record StoredTrust(IReadOnlyList<byte[]> Roots, byte[]? Timestamp, byte[]? Snapshot, byte[]? Targets);

/// <summary>What the appliance trusts: durable before anything relies on it.</summary>
internal sealed class TrustTable(Database database)
{
    private const string SignedAt = "signed-at";

    /// <summary>Null: nothing is trusted yet.</summary>
    public StoredTrust? Load() =>
        database.Read(c =>
        {
            var rows = c.Rows(
                "SELECT role, bytes FROM trust ORDER BY role, version",
                r => (Role: r.GetString(0), Bytes: r.GetFieldValue<byte[]>(1))
            );
            var roots = rows.Where(r => r.Role == "root").Select(r => r.Bytes).ToList();
            return roots.Count == 0 ? null : new StoredTrust(roots, Of("timestamp"), Of("snapshot"), Of("targets"));

            byte[]? Of(string role) => rows.Where(r => r.Role == role).Select(r => r.Bytes).SingleOrDefault();
        });

    /// <summary>Keeps roots in their order; those that are known already stay as they are.</summary>
    /// <exception cref="StorageException">They could not be made durable.</exception>
    public void KeepRoots(IReadOnlyList<ReadOnlyMemory<byte>> roots, long firstVersion) =>
        database.Promise(c =>
            roots
                .Select(
                    (bytes, i) =>
                        c.Execute(
                            "INSERT OR IGNORE INTO trust (role, version, bytes) VALUES ('root', ?1, ?2)",
                            firstVersion + i,
                            bytes.ToArray()
                        )
                )
                .Sum()
        );

    /// <summary>The latest time that a verified signature vouches for.</summary>
    public DateTimeOffset LatestSignedAt =>
        DateTimeOffset.FromUnixTimeMilliseconds(
            database.Read(c => c.Number("SELECT CAST(value AS INTEGER) FROM trust_facts WHERE name = ?1", SignedAt))
        );

    /// <summary>Raises <see cref="LatestSignedAt"/>; it never goes down.</summary>
    /// <exception cref="StorageException">It could not be made durable.</exception>
    public void Saw(DateTimeOffset signedAt)
    {
        if (signedAt > LatestSignedAt)
            database.Promise(c =>
                c.Execute(
                    "INSERT OR REPLACE INTO trust_facts (name, value) VALUES (?1, ?2)",
                    SignedAt,
                    $"{signedAt.ToUnixTimeMilliseconds()}"
                )
            );
    }
}
