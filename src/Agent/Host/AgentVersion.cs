using Appliance.Bundles.Compose;

namespace Appliance.Agent.Host;

/// <summary>The version of the agent that runs, which releases may make a requirement of.</summary>
/// <param name="Text">As <c>--version</c> prints it.</param>
internal sealed record AgentVersion(string Text)
{
    public static AgentVersion OfThisBuild { get; } = new(CommandLine.Version);

    /// <summary>Whether it is in a range; one that is no semantic version is in none.</summary>
    public bool IsIn(VersionRange range) => SemanticVersion.TryParse(Text) is { } version && range.Contains(version);
}
