namespace Appliance.Agent.Ingress;

/// <summary>
/// A shape that HAProxy would not take. It is tried again at a growing pace: what it fell over may be a port that somebody
/// else had for a while.
/// </summary>
internal sealed record Refusal(string Hash, string Why, long Since, TimeSpan Pause)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    public static Refusal Of(Refusal? before, string hash, string why, TimeProvider clock)
    {
        var pause = before?.Hash == hash ? before.Pause * 2 : First;
        return new(hash, why, clock.GetTimestamp(), pause > Longest ? Longest : pause);
    }

    /// <summary>How long until it is tried again; null: it is another one, or due.</summary>
    public TimeSpan? LeftFor(string hash, TimeProvider clock) =>
        hash == Hash && Pause - clock.GetElapsedTime(Since) is { Ticks: > 0 } left ? left : null;
}
