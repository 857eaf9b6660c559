namespace Appliance.Agent.Host;

/// <summary>
/// The reconciler's sign of life. Whoever does the agent's work says until when it will be heard of again; past that the
/// agent counts as stuck, and systemd's watchdog is left to end it.
/// </summary>
internal sealed class Liveness
{
    /// <summary>Longer than any single call to the engine may take.</summary>
    public static readonly TimeSpan Usual = TimeSpan.FromMinutes(3);

    private readonly TimeProvider clock;
    private long deadline;

    public Liveness(TimeProvider clock)
    {
        this.clock = clock;
        Beat();
    }

    public bool Alive => clock.GetTimestamp() <= Volatile.Read(ref deadline);

    public void Beat() => Beat(Usual);

    /// <param name="within">How long the work that begins now may take, as for loading a large image.</param>
    public void Beat(TimeSpan within) =>
        Volatile.Write(ref deadline, clock.GetTimestamp() + (long)(within.TotalSeconds * clock.TimestampFrequency));
}
