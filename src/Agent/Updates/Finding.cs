namespace Appliance.Agent.Updates;

internal enum FindingKind
{
    Space,
    Data,
    Memory,
    Ports,
    Engine,
    LiveRestore,
    UpgradePath,
    RequiredAgent,
    RequiredDisk,
    RequiredMemory,
    Clock,
    Health,
    Pending,
}

/// <summary>Something that speaks against an operation, found before anything is touched.</summary>
/// <param name="Refuses">Whether it is not to be done for it; otherwise it is only said.</param>
/// <param name="Sentence">What is so, with exact figures; without its full stop.</param>
/// <param name="Remedy">What a person can do about it.</param>
internal sealed record Finding(FindingKind Kind, bool Refuses, string Sentence, string Remedy)
{
    public static Finding Refusal(FindingKind kind, string sentence, string remedy) =>
        new(kind, Refuses: true, sentence, remedy);

    public static Finding Warning(FindingKind kind, string sentence, string remedy) =>
        new(kind, Refuses: false, sentence, remedy);
}

/// <summary>All that was found, each thing by itself, and what the operation takes.</summary>
/// <param name="Space">Null: the engine does not answer.</param>
/// <param name="Findings">Those that refuse it first.</param>
internal sealed record Assessment(Space? Space, IReadOnlyList<Finding> Findings)
{
    public IReadOnlyList<Finding> Refusals => [.. Findings.Where(f => f.Refuses)];

    public IReadOnlyList<Finding> Warnings => [.. Findings.Where(f => !f.Refuses)];
}
