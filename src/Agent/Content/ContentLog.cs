namespace Appliance.Agent.Content;

internal static partial class ContentLog
{
    [LoggerMessage(5001, LogLevel.Warning, "What an earlier run left in {Folder} cannot be removed: {Reason}")]
    public static partial void LeftoversKept(this ILogger log, string folder, string reason);

    [LoggerMessage(5002, LogLevel.Warning, "{File} was not as its release says, and was written anew")]
    public static partial void FileRepaired(this ILogger log, string file);

    [LoggerMessage(
        5003,
        LogLevel.Information,
        "{Image} is sent with all its layers, because the engine refused those left out: {Reason}"
    )]
    public static partial void LayersRefused(this ILogger log, string image, string reason);
}
