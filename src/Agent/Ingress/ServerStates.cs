namespace Appliance.Agent.Ingress;

internal enum ServerState
{
    /// <summary>It is sent nothing; what is under way goes on.</summary>
    Maintenance,

    /// <summary>It is about to be ended, and sent nothing any more.</summary>
    Draining,

    Ready,
}

/// <summary>A place for a server in a backend, and who has it.</summary>
/// <param name="Address">Null: nobody ever.</param>
/// <param name="InUse">Requests that are under way with it, or connections where requests are not told apart.</param>
internal sealed record ServerSlot(
    string Backend,
    string Name,
    string? Address,
    ServerState State,
    int Weight,
    long InUse = 0
)
{
    public const int UsualWeight = 100;

    public static IEnumerable<ServerSlot> EmptyOf(Backend backend) =>
        Enumerable
            .Range(1, backend.Slots)
            .Select(n => new ServerSlot(
                backend.Name,
                Ingress.Backend.SlotName(n),
                null,
                ServerState.Maintenance,
                UsualWeight
            ));
}

/// <summary>A container of a service, and what is to be done with it.</summary>
internal sealed record DesiredServer(string ContainerId, string Address, ServerState State, int Weight);

/// <summary>One change of a running HAProxy.</summary>
internal abstract record RuntimeStep(string Backend, string Slot)
{
    internal sealed record Place(string Backend, string Slot, string Address, int Port) : RuntimeStep(Backend, Slot)
    {
        public override string ToString() => $"{Backend}/{Slot} is {Address}:{Port}";
    }

    internal sealed record Weigh(string Backend, string Slot, int Weight) : RuntimeStep(Backend, Slot)
    {
        public override string ToString() => $"{Backend}/{Slot} has weight {Weight}";
    }

    /// <summary>Ends all that is under way with it.</summary>
    internal sealed record End(string Backend, string Slot) : RuntimeStep(Backend, Slot)
    {
        public override string ToString() => $"{Backend}/{Slot} is sent nothing more, and what is under way ends";
    }

    internal sealed record Turn(string Backend, string Slot, ServerState State) : RuntimeStep(Backend, Slot)
    {
        public override string ToString() => $"{Backend}/{Slot} is {State}";
    }
}

/// <param name="After">The places as they are once the steps are done.</param>
/// <param name="HasRoom">False: not every server that is ready got a place.</param>
internal sealed record RuntimePlan(IReadOnlyList<RuntimeStep> Steps, IReadOnlyList<ServerSlot> After, bool HasRoom);
