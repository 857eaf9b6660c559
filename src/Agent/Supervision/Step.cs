using Appliance.Agent.Content;

namespace Appliance.Agent.Supervision;

/// <summary>
/// One thing to do, with what was found that makes it necessary. Steps of one <see cref="Lane"/> run one after
/// the other and never beside each other; lanes run side by side. <c>Again</c> marks what has been there before: its
/// being needed is drift, not a beginning.
/// </summary>
internal abstract record Step(string Found)
{
    /// <summary>The slot it is done for; null for what several services share.</summary>
    public Slot? Slot { get; init; }

    public string Lane => Slot?.ToString() ?? Subject;

    /// <summary>All that it occupies: nothing else is done there meanwhile.</summary>
    public virtual IReadOnlyList<string> Lanes => [Lane];

    /// <summary>What it acts on, as the engine names it.</summary>
    public abstract string Subject { get; }

    /// <summary>The container it changes; null where it changes something else, or makes one.</summary>
    public virtual string? ContainerId => null;

    /// <summary>The running container whose run it ends; null for a step that ends none.</summary>
    public string? EndsId =>
        this switch
        {
            Stop or Remove or Restart or Recreate => ContainerId,
            Switch s => s.OldId,
            _ => null,
        };

    /// <summary>What it is a try against; counts only where it has a <see cref="Streak"/>.</summary>
    public Cause Cause { get; init; }

    /// <summary>
    /// For a try that is remembered before it is made, how many tries in a row it follows; null for any other step.
    /// </summary>
    public virtual int? Streak => null;

    internal sealed record CreateNetwork(DesiredNetwork Network, bool Again, string Found) : Step(Found)
    {
        public override string Subject => $"network {Network.Name}";
    }

    /// <summary>Its settings changed: its containers are taken off it, and join the new one on the next pass.</summary>
    internal sealed record ReplaceNetwork(DesiredNetwork Network, string ObservedId, string Found) : Step(Found)
    {
        public override string Subject => $"network {Network.Name}";
    }

    internal sealed record RemoveNetwork(string Id, string Name, string Found) : Step(Found)
    {
        public override string Subject => $"network {Name}";
    }

    internal sealed record CreateVolume(DesiredVolume Volume, bool Again, string Found) : Step(Found)
    {
        public override string Subject => $"volume {Volume.Name}";
    }

    internal sealed record LoadImage(DesiredImage Image, bool Again, string Found) : Step(Found)
    {
        public override string Subject => $"image {Image.Reference}";
    }

    internal sealed record TagImage(DesiredImage Image, ImageTag Tag, string Found) : Step(Found)
    {
        public override string Subject => $"image {Image.Reference}";
    }

    internal sealed record Create(DesiredService Service, string Name, bool Again, string Found) : Step(Found)
    {
        /// <summary>For one that the engine refused before, the tries in a row before it.</summary>
        public int? TriesBefore { get; init; }

        /// <summary>The services that it is to reach through their listeners: those of the service, or none.</summary>
        public IReadOnlyList<ReachedService> Reaches { get; init; } = [];
        public override string Subject => Name;
        public override int? Streak => TriesBefore;
    }

    internal sealed record Start(string Id, string Name, bool Again, int TriesBefore, string Found) : Step(Found)
    {
        /// <summary>What was before it is not held against the slot any more.</summary>
        public bool Forgives { get; init; }
        public override string Subject => Name;
        public override string? ContainerId => Id;
        public override int? Streak => Again ? TriesBefore : null;
    }

    /// <summary>In place: the container stays the same, its process does not.</summary>
    /// <param name="Asked">A person asked for it; it does not count against the slot.</param>
    internal sealed record Restart(string Id, string Name, TimeSpan Grace, bool Asked, int TriesBefore, string Found)
        : Step(Found)
    {
        public override string Subject => Name;
        public override string? ContainerId => Id;
        public override int? Streak => Asked ? null : TriesBefore;
    }

    /// <summary>The container goes, and the slot gets another one as if it had been lost.</summary>
    /// <param name="Asked">Somebody asked for it; it does not count against the slot.</param>
    internal sealed record Recreate(string Id, string Name, TimeSpan Grace, bool Asked, int TriesBefore, string Found)
        : Step(Found)
    {
        public override string Subject => Name;
        public override string? ContainerId => Id;
        public override int? Streak => Asked ? null : TriesBefore;
    }

    /// <summary>
    /// The image goes, with all containers that were made from it, and is loaded again from what is stored: the slots get
    /// other containers as if theirs had been lost.
    /// </summary>
    /// <param name="Name">The container's that is not well, or would be.</param>
    /// <param name="Sharing">All places that have, or are to have, a container of it: none is made meanwhile.</param>
    internal sealed record ReloadImage(
        DesiredImage Image,
        string Name,
        IReadOnlyList<ObservedContainer> Containers,
        IReadOnlyList<Slot> Sharing,
        int TriesBefore,
        string Found
    ) : Step(Found)
    {
        public override string Subject => Name;
        public override int? Streak => TriesBefore;
        public override IReadOnlyList<string> Lanes =>
            [
                .. Containers
                    .Select(c => c.Slot?.ToString())
                    .OfType<string>()
                    .Concat(Sharing.Select(s => s.ToString()))
                    .Prepend($"image {Image.Reference}")
                    .Prepend(Lane)
                    .Distinct(),
            ];

        /// <summary>What it is in the ledger: replicas that have the same share it.</summary>
        public static (string Rung, string Scope, string Cause) BudgetOf(string imageId, Cause cause) =>
            ("reload-image", imageId, $"{cause}");
    }

    internal sealed record Stop(string Id, string Name, TimeSpan Grace, string Found) : Step(Found)
    {
        /// <summary>The start of a run of which the end is to be held against nobody, because it runs again; null: it is not.</summary>
        public DateTimeOffset? Excuses { get; init; }
        public override string Subject => Name;
        public override string? ContainerId => Id;
    }

    internal sealed record Unpause(string Id, string Name, string Found) : Step(Found)
    {
        public override string Subject => Name;
        public override string? ContainerId => Id;
    }

    /// <summary>Stop the old, start the new; if the new does not start, the old runs again.</summary>
    internal sealed record Switch(string OldId, string NewId, string Name, TimeSpan Grace, string Found) : Step(Found)
    {
        public override string Subject => Name;
    }

    internal sealed record Remove(string Id, string Name, TimeSpan Grace, string Found) : Step(Found)
    {
        public override string Subject => Name;
        public override string? ContainerId => Id;
    }

    /// <summary>A container holds a name that another needs, or lost its own.</summary>
    internal sealed record Rename(string Id, string From, string To, string Found) : Step(Found)
    {
        public override string Subject => From;
        public override string? ContainerId => Id;
    }

    /// <param name="StaleNetworkId">A network of the same name that is gone, but that the container still names.</param>
    internal sealed record Connect(string Id, string Name, Attachment Attachment, string? StaleNetworkId, string Found)
        : Step(Found)
    {
        public override string Subject => Name;
        public override string? ContainerId => Id;
    }

    /// <summary>The engine's restart policy would be a second actor: it is set to <c>no</c>.</summary>
    internal sealed record TakeOverRestarts(string Id, string Name, string Found) : Step(Found)
    {
        public override string Subject => Name;
        public override string? ContainerId => Id;
    }
}

/// <summary>A step that did not work, and when it may be tried again.</summary>
internal sealed record StepFailure(string Error, int Count, DateTimeOffset RetryAt);
