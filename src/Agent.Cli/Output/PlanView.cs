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
        var facts = Facts(plan);
        facts.Add("Signed", Ages.Ago(release.SignedAt, now));
        facts.Add("Signatures", Validity(release, now));
        facts.Add("Digest", release.Digest);
        facts.WriteTo(screen);
        WriteFindings(screen, plan);
    }

    public static void Write(Screen screen, UpdatePlan plan, DateTimeOffset now)
    {
        WriteServices(screen, plan);
        WriteVolumes(screen, plan, now);
        Facts(plan).WriteTo(screen);
        WriteFindings(screen, plan);
    }

    /// <summary>Only what speaks against it.</summary>
    public static void WriteCheck(Screen screen, UpdatePlan plan)
    {
        screen.WriteLine(Text.OneLine(Text.Capitalized(Title(plan))));
        if (plan.Findings.Count == 0)
            screen.WriteLine("Nothing speaks against it.");
        else
            WriteFindings(screen, plan);
    }

    /// <summary>Why it would be refused; null: it would not be.</summary>
    public static string? WhyRefused(UpdatePlan plan)
    {
        var reasons = plan.Findings.Where(f => f.Refuses).Select(f => f.Sentence).ToList();
        return reasons.Count == 0 ? null : string.Join("; ", reasons);
    }

    /// <summary>
    /// Leaves out what speaks against keeping data, for who goes without: a plan is made before the agent is told that.
    /// </summary>
    public static void GoWithoutSnapshot(UpdatePlan plan)
    {
        foreach (var finding in plan.Findings.Where(f => f.Kind == "data").ToList())
            plan.Findings.Remove(finding);
    }

    private static void WriteServices(Screen screen, UpdatePlan plan)
    {
        screen.WriteLine(screen.Paint(Text.OneLine(Text.Capitalized(Title(plan))), Style.Bold));
        screen.WriteLine();

        var services = new Table("SERVICE", "CHANGE", "DOWNTIME", "WHY");
        foreach (var service in plan.Services)
            services.Add(
                service.Service,
                ChangeOf(service.Change),
                DowntimeOf(service),
                string.Join("; ", service.Reasons)
            );
        services.WriteTo(screen);
        screen.WriteLine();
        foreach (var service in plan.Services.Where(s => s.Gap.Length > 0))
            screen.WriteLine(Text.OneLine($"{service.Service}: {service.Gap}"));
        if (plan.Services.Any(s => s.Gap.Length > 0))
            screen.WriteLine();
    }

    private static void WriteFindings(Screen screen, UpdatePlan plan)
    {
        if (plan.Findings.Count > 0)
            screen.WriteLine();
        foreach (var finding in plan.Findings)
        {
            var mark = finding.Refuses ? screen.Paint("refused", Style.Red) : screen.Paint("warning", Style.Yellow);
            screen.WriteLine($"{mark}   {Text.OneLine(Text.Capitalized(finding.Sentence))}.");
            screen.WriteLine($"          {Text.OneLine(Text.Capitalized(finding.Remedy))}.");
        }
    }

    private static string Title(UpdatePlan plan) =>
        OperationWords.Describe(plan.Kind, plan.Product, plan.FromVersion, plan.ToVersion);

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
        if (plan.LosesDataSince.Length == 0)
            return;
        screen.WriteLine(
            screen.Paint(
                Text.OneLine($"What was written since {plan.LosesDataSince} ({Age(plan, now)}) is lost."),
                Style.Red
            )
        );
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

    private static Table Facts(UpdatePlan plan)
    {
        var facts = new Table("", "");
        facts.Add("To move", Sizes.Of(plan.BytesToMove));
        facts.Add("To store", Sizes.Of(plan.BytesToStore));
        facts.Add("To unpack", Sizes.Of(plan.BytesToUnpack));
        if (plan.BytesToCopy > 0)
            facts.Add("To copy", Sizes.Of(plan.BytesToCopy));
        facts.Add("Free", Free(plan));
        if (plan.AgentVersion.Length > 0)
            facts.Add("Agent", $"{plan.AgentVersion} takes over first");
        if (plan.Migrations.Count > 0)
            facts.Add("Migrations", string.Join(", ", plan.Migrations));
        facts.Add("Takes", plan.Duration is { } length ? $"about {Ages.Length(length.ToTimeSpan())}" : "not known yet");
        return facts;
    }

    private static Cell DowntimeOf(ServiceChange change) =>
        (change.Interrupted, change.Downtime) switch
        {
            (false, _) => new("none", Style.Dim),
            (true, { } length) => new($"about {Ages.Length(length.ToTimeSpan())}", Style.Yellow),
            _ => new("interrupted", Style.Yellow),
        };

    private static Cell Free(UpdatePlan plan) =>
        // Not known: where there is none left, nothing is planned.
        plan.FreeBytes == 0
            ? "-"
        : plan.Findings.Any(f => f is { Kind: "space", Refuses: true }) ? new Cell(Sizes.Of(plan.FreeBytes), Style.Red)
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
