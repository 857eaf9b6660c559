namespace Appliance.Agent.Alerts;

/// <summary>What came of an action.</summary>
internal abstract record ActionOutcome
{
    internal sealed record Done : ActionOutcome;

    /// <param name="Why">A sentence without its full stop.</param>
    internal sealed record Refused(string Why) : ActionOutcome;
}

/// <summary>What an alert can make the appliance do. Whoever does it may refuse, and says why.</summary>
internal interface IAlertActions
{
    /// <param name="by">Who asks, as in the audit record.</param>
    Task<ActionOutcome> RestartAsync(string service, string by, string reason, CancellationToken ct);

    /// <inheritdoc cref="RestartAsync"/>
    Task<ActionOutcome> RecreateAsync(string service, string by, string reason, CancellationToken ct);

    /// <summary>Runs a one-shot service again.</summary>
    /// <inheritdoc cref="RestartAsync"/>
    Task<ActionOutcome> RunAsync(string service, string by, string reason, CancellationToken ct);

    /// <inheritdoc cref="RestartAsync"/>
    Task<ActionOutcome> RebootAsync(string by, string reason, CancellationToken ct);
}
