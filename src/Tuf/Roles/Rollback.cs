namespace Appliance.Tuf;

/// <summary>What may never become lower, while the keys are the same.</summary>
internal static class Rollback
{
    public static void DemandNotLower<T>(RoleFile<T> file, long known)
        where T : Metadata => DemandNotLower(file, "has version", file.Version, known);

    private static void DemandNotLower<T>(RoleFile<T> file, string what, long version, long known)
        where T : Metadata
    {
        if (version < known)
            throw new TufException(
                TufFault.Rollback,
                file.File,
                $"{what} {version}, and {known} is trusted already: use what was signed later"
            );
    }

    public static void Check(RoleFile<TimestampMetadata> known, RoleFile<TimestampMetadata> next)
    {
        DemandNotLower(next, known.Version);
        DemandNotLower(
            next,
            "gives 'snapshot.json' the version",
            next.Content.Snapshot.Version,
            known.Content.Snapshot.Version
        );
    }

    public static void Check(RoleFile<SnapshotMetadata> known, RoleFile<SnapshotMetadata> next)
    {
        foreach (var (name, file) in known.Content.Files)
        {
            if (!next.Content.Files.TryGetValue(name, out var nextFile))
                throw new TufException(
                    TufFault.Rollback,
                    next.File,
                    $"does not list '{name}', which is trusted already: a role cannot be taken away"
                );
            DemandNotLower(next, $"gives '{name}' the version", nextFile.Version, file.Version);
        }
    }
}
