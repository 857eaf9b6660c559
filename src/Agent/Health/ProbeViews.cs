namespace Appliance.Agent.Health;

/// <summary>The last answer of one probe of one container.</summary>
internal sealed record ProbeView(
    string Service,
    string Container,
    string Kind,
    string Target,
    bool Healthy,
    int ConsecutiveFailures,
    string LastOutput,
    DateTimeOffset? LastCheckedAt
);

/// <summary>What Control reads of the probes.</summary>
internal interface IProbeBook
{
    IReadOnlyList<ProbeView> Of(string service);
}
