namespace Appliance.Tuf;

/// <summary>What may never become lower, while the keys are the same.</summary>
internal static class Rollback
{
    public static void DemandNotLower(string file, long version, long known)
    {
        if (version < known)
            throw new TufException(
                TufFault.Rollback,
                file,
                $"has version {version}, and {known} is trusted already: use what was signed later"
            );
    }

    public static void Check(RoleFile<TimestampMetadata> known, RoleFile<TimestampMetadata> next)
    {
        DemandNotLower(next.File, next.Version, known.Version);
        DemandNotLower($"{next.File} for snapshot.json", next.Content.Snapshot.Version, known.Content.Snapshot.Version);
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
            DemandNotLower($"{next.File} for {name}", nextFile.Version, file.Version);
        }
    }
}
