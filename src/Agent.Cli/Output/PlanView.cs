using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>What an upgrade or rollback would do, for who decides about it.</summary>
internal static class PlanView
{
    public static void Write(Screen screen, StagedRelease release, DateTimeOffset now)
    {
        var plan = release.Plan ?? new();
        WriteServices(screen, plan);
        WriteVolumes(screen, plan, now);
        var facts = Space(plan);
        facts.Add("Signed", Ages.Ago(release.SignedAt, now));
        facts.Add("Signatures", Validity(release, now));
        facts.Add("Digest", release.Digest);
        facts.WriteTo(screen);
    }

    public static void Write(Screen screen, UpdatePlan plan, DateTimeOffset now)
    {
        WriteServices(screen, plan);
        WriteVolumes(screen, plan, now);
        Space(plan).WriteTo(screen);
    }

    private static void WriteServices(Screen screen, UpdatePlan plan)
    {
        var title = OperationWords.Describe(plan.Kind, plan.Product, plan.FromVersion, plan.ToVersion);
        screen.WriteLine(screen.Paint(Text.OneLine(Text.Capitalized(title)), Style.Bold));
        screen.WriteLine();

        var services = new Table("SERVICE", "CHANGE", "WHY");
        foreach (var service in plan.Services)
            services.Add(service.Service, ChangeOf(service.Change), string.Join("; ", service.Reasons));
        services.WriteTo(screen);
        screen.WriteLine();
        foreach (var service in plan.Services.Where(s => s.Gap.Length > 0))
            screen.WriteLine(Text.OneLine($"{service.Service}: {service.Gap}"));
        if (plan.Services.Any(s => s.Gap.Length > 0))
            screen.WriteLine();
    }

    private static void WriteVolumes(Screen screen, UpdatePlan plan, DateTimeOffset now)
    {
        if (plan.Volumes.Count > 0)
        {
            var volumes = new Table("VOLUME", "DATA", "SIZE");
            foreach (var volume in plan.Volumes)
                volumes.Add(volume.Volume, ChangeOf(volume.Change), volume.Bytes > 0 ? Sizes.Of(volume.Bytes) : "-");
            volumes.WriteTo(screen);
            screen.WriteLine();
        }
        if (plan.LosesDataSince.Length > 0)
            screen.WriteLine(
                screen.Paint(
                    Text.OneLine($"What was written since {plan.LosesDataSince} ({Age(plan, now)}) is lost."),
                    Style.Red
                )
            );
        if (plan.DataProblem.Length > 0)
            screen.WriteLine(screen.Paint(Text.OneLine($"It would be refused: {plan.DataProblem}."), Style.Red));
        if (plan.LosesDataSince.Length + plan.DataProblem.Length > 0)
            screen.WriteLine();
    }

    private static string Age(UpdatePlan plan, DateTimeOffset now) =>
        DateTimeOffset.TryParse(
            plan.LosesDataSince,
            System.Globalization.CultureInfo.InvariantCulture,
            System.Globalization.DateTimeStyles.None,
            out var since
        )
            ? Ages.Ago(Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(since), now)
            : "-";

    private static Cell ChangeOf(VolumeChange.Types.Change change) =>
        change switch
        {
            VolumeChange.Types.Change.Expand => new("extended", Style.Green),
            VolumeChange.Types.Change.Breaking => new("changed for good; a snapshot is kept", Style.Yellow),
            VolumeChange.Types.Change.BroughtBack => new("comes back as it was", Style.Yellow),
            _ => new("unknown", Style.Yellow),
        };

    private static Table Space(UpdatePlan plan)
    {
        var facts = new Table("", "");
        facts.Add("To move", Sizes.Of(plan.BytesToMove));
        facts.Add("To store", Sizes.Of(plan.BytesToStore));
        facts.Add("To unpack", Sizes.Of(plan.BytesToUnpack));
        if (plan.BytesToCopy > 0)
            facts.Add("To copy", Sizes.Of(plan.BytesToCopy));
        facts.Add("Free", Free(plan));
        return facts;
    }

    private static Cell Free(UpdatePlan plan) =>
        // Not known: where there is none left, nothing is planned.
        plan.FreeBytes == 0
            ? "-"
        : plan.FreeBytes < plan.BytesToStore + plan.BytesToUnpack + plan.BytesToCopy
            ? new Cell(Sizes.Of(plan.FreeBytes), Style.Red)
        : Sizes.Of(plan.FreeBytes);

    private static Cell Validity(StagedRelease release, DateTimeOffset now)
    {
        if (release.ExpiresAt is not { } end)
            return "-";
        var ago = Ages.Ago(end, now);
        return end.ToDateTimeOffset() <= now ? new Cell($"expired {ago}", Style.Yellow) : $"expire {ago}";
    }

    private static Cell ChangeOf(ServiceChange.Types.Change change) =>
        change switch
        {
            ServiceChange.Types.Change.Added => new("added", Style.Green),
            ServiceChange.Types.Change.Changed => new("changed", Style.Yellow),
            ServiceChange.Types.Change.Removed => new("removed", Style.Red),
            ServiceChange.Types.Change.Untouched => new("untouched", Style.Dim),
            _ => new("unknown", Style.Yellow),
        };
}
