using Appliance.Agent.Storage;

namespace Appliance.Agent.Ingress;

/// <summary>Since when HAProxy is not there, and what people are told of it.</summary>
internal sealed class Absence(EventLog events, TimeProvider clock, ILogger log)
{
    // A master that reloads is away for a moment; its workers are not.
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(2);

    // Both may be starting, with the machine.
    private static readonly TimeSpan Arrival = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan LookAtOnce = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LookOften = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LookSeldom = TimeSpan.FromSeconds(30);

    private long? since;
    private bool isTold;

    /// <summary>Whether it may be back before anybody has missed it.</summary>
    public bool IsMomentary => Taken < Moment;

    private TimeSpan Taken => since is { } begun ? clock.GetElapsedTime(begun) : TimeSpan.Zero;

    /// <returns>Whether it was there until now, as far as is known.</returns>
    public bool Begin()
    {
        if (since is not null)
            return false;
        since = clock.GetTimestamp();
        return true;
    }

    /// <param name="wasThere">Whether it ever was.</param>
    /// <param name="isWanted">Whether it has anything to do.</param>
    public void Tell(string why, bool wasThere, bool isWanted)
    {
        if (isTold || !(wasThere || (isWanted && Taken >= Arrival)))
            return;
        isTold = true;
        log.Lost(why);
        events.Append(
            new(
                wasThere ? EventSeverity.Error : EventSeverity.Warning,
                "ingress.lost",
                null,
                null,
                $"HAProxy is not reached: {why}.",
                "Waits for it; what it starts with is kept up to date."
            )
        );
    }

    /// <param name="isAnother">Whether it ended, and was started again, since it was last seen.</param>
    public void End(bool isAnother)
    {
        since = null;
        if (isTold || isAnother)
            events.Append(
                new(
                    isTold ? EventSeverity.Info : EventSeverity.Warning,
                    "ingress.back",
                    null,
                    null,
                    isTold ? "HAProxy is there again." : "HAProxy had ended, and was started again.",
                    "Looks whether all is as it was."
                )
            );
        isTold = false;
    }

    /// <param name="isWanted">Whether it has anything to do.</param>
    public TimeSpan NextLook(bool isWanted) =>
        Taken < LookOften ? LookAtOnce
        : isWanted || Taken < LookSeldom ? LookOften
        : LookSeldom;
}
