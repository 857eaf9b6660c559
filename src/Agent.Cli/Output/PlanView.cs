using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>What an upgrade or rollback would do, for who decides about it.</summary>
internal static class PlanView
{
    public static void Write(Screen screen, StagedRelease release, DateTimeOffset now)
    {
        Write(screen, release.Plan ?? new());
        var facts = new Table("", "");
        facts.Add("Signed", Ages.Ago(release.SignedAt, now));
        facts.Add("Signatures", Validity(release, now));
        facts.Add("Digest", release.Digest);
        facts.WriteTo(screen);
    }

    public static void Write(Screen screen, UpdatePlan plan)
    {
        var title = OperationWords.Describe(plan.Kind, plan.Product, plan.FromVersion, plan.ToVersion);
        screen.WriteLine(screen.Paint(Text.OneLine(char.ToUpperInvariant(title[0]) + title[1..]), Style.Bold));
        screen.WriteLine();

        var services = new Table("SERVICE", "CHANGE", "WHY");
        foreach (var service in plan.Services)
            services.Add(service.Service, ChangeOf(service.Change), string.Join("; ", service.Reasons));
        services.WriteTo(screen);
        screen.WriteLine();

        var facts = new Table("", "");
        facts.Add("To move", Sizes.Of(plan.BytesToMove));
        facts.Add("To store", Sizes.Of(plan.BytesToStore));
        facts.Add("To unpack", Sizes.Of(plan.BytesToUnpack));
        facts.Add("Free", Free(plan));
        facts.WriteTo(screen);
    }

    private static Cell Free(UpdatePlan plan) =>
        plan.FreeBytes < plan.BytesToStore + plan.BytesToUnpack
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
