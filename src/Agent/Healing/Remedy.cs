namespace Appliance.Agent.Healing;

/// <summary>What is done for the appliance as a whole, from the least on.</summary>
internal enum Remedy
{
    /// <summary>The release before is installed again.</summary>
    PreviousRelease,

    /// <summary>The container engine is restarted.</summary>
    RestartEngine,

    /// <summary>The machine is rebooted.</summary>
    Reboot,
}

internal static class RemedyWords
{
    public static string InWords(this Remedy remedy) =>
        remedy switch
        {
            Remedy.PreviousRelease => "going back to the release before",
            Remedy.RestartEngine => "restarting the engine",
            _ => "rebooting the machine",
        };

    /// <summary>As in the ledger.</summary>
    public static string Name(this Remedy remedy) =>
        remedy switch
        {
            Remedy.PreviousRelease => "previous-release",
            Remedy.RestartEngine => "restart-engine",
            _ => "reboot",
        };
}

/// <summary>It was begun, or was to be, and did not work.</summary>
internal sealed class RemedyException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether nothing was begun, because something else is being done that it cannot be beside.</summary>
    public bool IsTooEarly { get; init; }
}

/// <summary>How remedies are carried out. A test records instead.</summary>
internal interface IRemedies
{
    /// <summary>Why this machine does not have it; null when it does.</summary>
    string? WhyNot(Remedy remedy);

    /// <param name="reason">What it is done for, in a sentence.</param>
    /// <param name="services">Those that it is done for; empty for all.</param>
    /// <returns>What was done, in a sentence.</returns>
    /// <exception cref="RemedyException">It did not work.</exception>
    Task<string> TakeAsync(Remedy remedy, string reason, IReadOnlyList<string> services, CancellationToken ct);
}
