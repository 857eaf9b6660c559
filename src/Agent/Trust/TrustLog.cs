namespace Appliance.Agent.Trust;

internal static partial class TrustLog
{
    [LoggerMessage(
        4001,
        LogLevel.Information,
        "Pinned version {Version} of the root in {Path}: its signer is trusted from now on"
    )]
    public static partial void RootPinned(this ILogger log, string path, long version);
}
