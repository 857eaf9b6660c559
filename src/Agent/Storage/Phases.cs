namespace Appliance.Agent.Storage;

/// <summary>
/// The moves of an operation: forward, also in steps of more than one, or back until it has committed. There is no way out
/// of going back but its end.
/// </summary>
internal static class Phases
{
    public static bool Allow(Phase from, Phase to) =>
        (from, to) switch
        {
            (Phase.RolledBack, _) => to is Phase.RolledBack,
            (Phase.RollingBack, _) => to is Phase.RollingBack or Phase.RolledBack,
            (_, Phase.RollingBack) => from < Phase.Committed,
            (_, Phase.RolledBack) => false,
            _ => to >= from,
        };

    /// <exception cref="InvalidOperationException">A bug: there is no such move.</exception>
    public static void Demand(Phase from, Phase to)
    {
        if (!Allow(from, to))
            throw new InvalidOperationException($"no operation goes from {from} to {to}");
    }
}
