using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Content;

/// <summary>A release that is ready to run: its files are in place, and the blobs of its images are stored.</summary>
/// <param name="Digest">Of its index: what it is, whatever it is called.</param>
/// <param name="Folder">Where files that the model names relative to itself are.</param>
/// <param name="Images">By reference, as the model writes it; one for every service that runs.</param>
internal sealed record Release(
    string Digest,
    string Version,
    ComposeModel Model,
    string Folder,
    IReadOnlyDictionary<string, ReleaseImage> Images
)
{
    public string Product => Model.Name;
}

/// <summary>What came of reading a release.</summary>
internal abstract record ReleaseReading
{
    internal sealed record Ready(Release Release) : ReleaseReading;

    /// <param name="Reasons">One sentence each, with the file and place that is wrong.</param>
    internal sealed record Refused(IReadOnlyList<string> Reasons) : ReleaseReading;
}
