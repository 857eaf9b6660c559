using Appliance.Agent.Content;

namespace Appliance.Agent.Supervision;

/// <summary>What is to run: one release, or on the way from one to the next, service by service.</summary>
/// <param name="Next">The release on the way to which the engine is; null: there is no way to go.</param>
/// <param name="Switched">
/// Services that are as <paramref name="Next"/> has them, and gone where it has none; all others are as
/// <paramref name="Release"/> has them.
/// </param>
internal sealed record RunningRelease(Release Release, Release? Next = null, IReadOnlySet<string>? Switched = null)
{
    private static readonly HashSet<string> NoVolumes = [];

    /// <summary>
    /// Volumes, as the engine names them, that nobody may use but services that are switched: what is to do with them must
    /// find them as they are.
    /// </summary>
    public IReadOnlySet<string> Still { get; init; } = NoVolumes;

    /// <summary>Whether nobody from outside the appliance gets through to it.</summary>
    public bool IsClosed { get; init; }

    /// <summary>
    /// A service that is not switched yet, and of which one container as <see cref="Next"/> has it runs beside the others;
    /// null: none.
    /// </summary>
    public string? Canary { get; init; }

    /// <summary>
    /// Where there is no <see cref="Next"/>: what ran before, of whose services containers may be there that leave; null:
    /// nothing is known of it.
    /// </summary>
    public Release? Before { get; init; }

    /// <summary>Whether it stays, well or not, so that nothing from before goes on in its place.</summary>
    public bool IsCommitted { get; init; }

    /// <summary>Whether it is a way back: <c>rollback_config</c> says then how replicas are exchanged, if it says anything.</summary>
    public bool IsReturn { get; init; }

    /// <summary>
    /// Whether it is not known what is to run: nothing is touched but what uses a volume that is to be <see cref="Still"/>.
    /// </summary>
    public bool IsUnknown { get; init; }

    public bool IsSwitched(string service) => Next is not null && Switched?.Contains(service) == true;

    public bool HasBegun => Next is not null && (Switched is { Count: > 0 } || Canary is not null);

    /// <summary>The one that says what a service is.</summary>
    public Release ReleaseOf(string service) => IsSwitched(service) ? Next! : Release;

    /// <summary>The one that says what a container of a service is made of.</summary>
    public Release ReleaseOf(Slot slot) =>
        slot.Service == Canary
        && Next is { } next
        && slot.Replica > Release.Model.Services[slot.Service].Deploy.Replicas
            ? next
            : ReleaseOf(slot.Service);
}
