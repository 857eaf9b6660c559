using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Releases;

/// <summary>All that a release consists of, as its signed index tells it.</summary>
/// <param name="Files">The Compose file (<c>compose.yaml</c>) and what it names, by path.</param>
/// <param name="Images">In the order of the index, each reference once.</param>
/// <param name="Blobs">Every blob once, the index first, in the order in which a bundle holds them.</param>
public sealed record ReleaseContent(
    ReleaseDescriptor Descriptor,
    ReleaseDocument Document,
    IReadOnlyList<ReleaseFile> Files,
    IReadOnlyList<ReleaseImage> Images,
    IReadOnlyList<Blob> Blobs
)
{
    /// <summary>The images that containers are made of: all but the agent's.</summary>
    public IReadOnlyList<ReleaseImage> ApplicationImages { get; } =
    [.. Images.Where(i => i.Reference != Document.Agent?.Reference)];

    /// <summary>The image that holds the agent; null: the release brings none.</summary>
    public ReleaseImage? AgentImage { get; } = Images.FirstOrDefault(i => i.Reference == Document.Agent?.Reference);
}

/// <param name="Path">Relative, with forward slashes, without dots.</param>
public sealed record ReleaseFile(string Path, Blob Blob);

/// <param name="Reference">As the Compose file writes it, after interpolation with the variables of the release.</param>
/// <param name="Manifest">Kept byte for byte, so that signatures made elsewhere stay valid.</param>
/// <param name="Config">Its digest is the image's id on an engine.</param>
/// <param name="Layers">The lowest first.</param>
public sealed record ReleaseImage(string Reference, Blob Manifest, Blob Config, IReadOnlyList<ReleaseLayer> Layers);

/// <param name="Blob">As it is stored: plain tar, or gzip.</param>
/// <param name="DiffId">Digest of the unpacked tar.</param>
/// <param name="UnpackedSize">Bytes of the unpacked tar; more than that is a bomb.</param>
public sealed record ReleaseLayer(Blob Blob, bool IsGzip, string DiffId, long UnpackedSize)
{
    /// <summary>The unpacked tar.</summary>
    public Blob Tar => new(DiffId, UnpackedSize);
}

/// <summary><c>release.json</c>: what the signer says of the release beyond its Compose file.</summary>
/// <param name="UpgradeFrom">Versions that may be upgraded to this one; null: any lower one.</param>
public sealed record ReleaseDocument(
    string Product,
    SemanticVersion Version,
    VersionRange? UpgradeFrom,
    Allowances Allowances
)
{
    /// <summary>The agent that it brings; null: it runs under whichever there is.</summary>
    public ReleaseAgent? Agent { get; init; }
}

/// <summary>The agent that a release brings: an executable, alone in the one layer of an image.</summary>
/// <param name="Reference">Of the image, in the index.</param>
/// <param name="Version">As the executable says it of itself.</param>
/// <param name="Program">The executable.</param>
public sealed record ReleaseAgent(string Reference, SemanticVersion Version, Blob Program);
