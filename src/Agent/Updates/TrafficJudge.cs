namespace Appliance.Agent.Updates;

/// <summary>How the requests to some containers went.</summary>
/// <param name="ResponseTime">Until their answers began, on the average of late; null: there was none.</param>
internal sealed record Tally(long Requests, long Failed, TimeSpan? ResponseTime)
{
    public double ErrorRatio => Requests == 0 ? 0 : (double)Failed / Requests;
}

/// <summary>Compares what is new with what was there before, on real requests. Pure.</summary>
internal static class TrafficJudge
{
    // Of so few failures nothing follows, whatever part of the requests they are.
    private const int FewFailures = 3;

    // Of so few answers no average is taken.
    private const int FewRequests = 50;

    // HAProxy's average is of about the last thousand answers: by then those are out of it that were slow for being the first.
    private const int Warm = 2000;

    // What is slower by less than this is not slow, whatever the ratio.
    private static readonly TimeSpan Noticeable = TimeSpan.FromMilliseconds(100);
    private const double TooSlow = 3;

    /// <param name="tried">Of the new containers.</param>
    /// <param name="others">Of those before, in the same time.</param>
    /// <param name="maxErrorRatio">What may fail beyond what fails of theirs, 0 to 1.</param>
    /// <returns>A sentence without its full stop; null: nothing speaks against the new ones so far.</returns>
    public static string? OfErrors(string service, Tally tried, Tally others, decimal maxErrorRatio) =>
        tried.Failed >= FewFailures && CertainAtLeast(tried) > others.ErrorRatio + (double)maxErrorRatio
            ? $"{tried.Failed:N0} of {tried.Requests:N0} requests to the new {service} failed ({tried.ErrorRatio:P1})"
                + (others.Requests > 0 ? $", and {others.ErrorRatio:P1} of those to the one before" : "")
            : null;

    /// <summary>
    /// Whether it is much slower. What has just been started answers slowly at first, which says nothing of how it will:
    /// this waits for more requests than that lasts, or for the end.
    /// </summary>
    /// <param name="isOver">Whether there will be no more to judge by.</param>
    /// <inheritdoc cref="OfErrors"/>
    public static string? OfTimes(string service, Tally tried, Tally others, bool isOver) =>
        tried is { ResponseTime: { } now }
        && tried.Requests >= (isOver ? FewRequests : Warm)
        && others is { Requests: >= FewRequests, ResponseTime: { } before }
        && now > before * TooSlow
        && now - before > Noticeable
            ? $"the new {service} takes {now.TotalMilliseconds:N0} ms to answer, and the one before {before.TotalMilliseconds:N0} ms"
            : null;

    /// <summary>
    /// What the error ratio is at the least, with 97.5 % certainty (the lower end of Wilson's interval): three failures of
    /// four requests say more than three of a hundred, and neither says what the ratio is.
    /// </summary>
    private static double CertainAtLeast(Tally tally)
    {
        const double z = 1.96;
        var (n, p) = ((double)tally.Requests, Math.Min(1, tally.ErrorRatio));
        var centre = p + (z * z / (2 * n));
        var spread = z * Math.Sqrt((p * (1 - p) / n) + (z * z / (4 * n * n)));
        return (centre - spread) / (1 + (z * z / n));
    }
}
