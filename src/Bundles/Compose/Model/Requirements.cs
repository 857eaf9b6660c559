namespace Appliance.Bundles.Compose;

/// <summary>What a release needs of the appliance that it is to run on (<c>x-appliance.requirements</c>).</summary>
/// <param name="Agent">Versions of the agent; null: any that can read the release.</param>
/// <param name="DiskBytes">The size of the file system that the engine keeps images and volumes on; null: any.</param>
/// <param name="MemoryBytes">Of the machine, as it is sold; null: any.</param>
public sealed record Requirements(VersionRange? Agent, long? DiskBytes, long? MemoryBytes)
{
    /// <summary>A release that says nothing of it.</summary>
    public static Requirements None { get; } = new(null, null, null);
}
