namespace Appliance.Agent.Supervision;

/// <summary>The labels by which the agent knows what it made, whatever else runs on the engine.</summary>
internal static class Labels
{
    public const string Project = "appliance.project";
    public const string Service = "appliance.service";
    public const string Replica = "appliance.replica";
    public const string ConfigHash = "appliance.config-hash";

    /// <summary>The services whose names its container resolves to their internal listeners, as <c>name=address</c>.</summary>
    public const string Reaches = "appliance.reaches";

    /// <summary>Docker Compose's: what carries it is somebody else's.</summary>
    public const string ComposeProject = "com.docker.compose.project";
}
