namespace Appliance.Agent.Supervision;

/// <summary>What is done for one replica that is not well, from the least on.</summary>
internal enum Rung
{
    /// <summary>The same container runs anew.</summary>
    Restart,

    /// <summary>Another container is made in its place: what was written into the old one is gone.</summary>
    Recreate,

    /// <summary>Its image is taken from the engine and loaded again from what is stored.</summary>
    ReloadImage,
}

/// <summary>
/// Which of it is next, after so many tries in a row. Pure. What comes after the last rung is done at the longest pace, and
/// never ends: the tries themselves are the budget, but for the image's, which several replicas may share.
/// </summary>
/// <param name="Restarts">Restarts before another container is made.</param>
/// <param name="RecreateEvery">From the last rung on, every so many tries another container is made.</param>
internal sealed record Ladder(int Restarts, int RecreateEvery)
{
    /// <summary>At the usual pace, past the last rung: another container every ten minutes.</summary>
    public static Ladder Default { get; } = new(3, 10);

    /// <summary>How often one image is loaded again.</summary>
    public static Budget Reloads { get; } = new(TimeSpan.FromHours(1), TimeSpan.FromHours(12), TimeSpan.FromDays(2));

    /// <summary>After this an image that could not be loaded again may be: that it is in use, or a full disk, passes.</summary>
    public static TimeSpan ReloadFailed { get; } = TimeSpan.FromMinutes(1);

    /// <summary>So many tries in a row, and all of it has been done.</summary>
    public int Top => Restarts + 3;

    /// <summary>What the try after <paramref name="tries"/> in a row does.</summary>
    /// <param name="mayReload">Whether the image may be loaded again: it is wanted from the last rung on until it was.</param>
    public Rung After(int tries, Cause cause, bool mayReload)
    {
        var rung = After(tries, mayReload && Highest(cause) is Rung.ReloadImage);
        return rung > Highest(cause) ? Rung.Restart : rung;
    }

    /// <summary>Whether nothing that can be done for a container is left to try.</summary>
    public bool IsPast(int tries, Cause cause) => tries >= Top && Highest(cause) > Rung.Restart;

    private Rung After(int tries, bool mayReload)
    {
        var next = tries + 1;
        if (next < Top)
            return next == Restarts + 1 ? Rung.Recreate : Rung.Restart;
        return mayReload ? Rung.ReloadImage
            : (next - Top) % RecreateEvery == 0 ? Rung.Recreate
            : Rung.Restart;
    }

    /// <summary>The furthest that can help against a cause.</summary>
    private static Rung Highest(Cause cause) =>
        cause switch
        {
            Cause.Ended or Cause.Unhealthy or Cause.Flapping or Cause.Refused => Rung.ReloadImage,
            // A new container has files of its own, and is told anew whom to ask for names.
            Cause.OutOfMemory or Cause.Names => Rung.Recreate,
            _ => Rung.Restart,
        };
}
