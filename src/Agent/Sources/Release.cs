using Appliance.Bundles.Compose;

namespace Appliance.Agent.Sources;

/// <summary>An application that is ready to be supervised: its model, and where its images are.</summary>
/// <param name="Folder">Where files that the model names relative to itself are.</param>
/// <param name="Images">By reference, as the model writes it.</param>
internal sealed record Release(ComposeModel Model, string Folder, IReadOnlyDictionary<string, ArchivedImage> Images)
{
    public string Version => Model.Version?.Text ?? "";
}

/// <param name="Id">The image's id: <c>sha256:</c> and the digest of its configuration.</param>
/// <param name="Archive">The docker-archive that holds it.</param>
internal sealed record ArchivedImage(string Reference, string Id, string Archive);

/// <summary>What came of reading a release.</summary>
internal abstract record ReleaseReading
{
    internal sealed record Ready(Release Release) : ReleaseReading;

    /// <param name="Reasons">One sentence each, with the file and place that is wrong.</param>
    internal sealed record Refused(IReadOnlyList<string> Reasons) : ReleaseReading;
}
