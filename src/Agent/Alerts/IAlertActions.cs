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
    /// <summary>
    /// Waits, for as long as that makes sense, until it can be told whether something can be done: after a start of the agent
    /// the engine may take its time. Nothing is begun by then, so nothing is lost if the agent ends while it waits.
    /// </summary>
    /// <param name="service">Null: it is for the machine.</param>
    Task UntilReadyAsync(string? service, CancellationToken ct);

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
