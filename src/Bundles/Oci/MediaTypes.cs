namespace Appliance.Bundles.Oci;

/// <summary>What the specifications, and we, call the kinds of blobs.</summary>
internal static class MediaTypes
{
    public const string Index = "application/vnd.oci.image.index.v1+json";
    public const string Manifest = "application/vnd.oci.image.manifest.v1+json";
    public const string Config = "application/vnd.oci.image.config.v1+json";
    public const string Empty = "application/vnd.oci.empty.v1+json";
    public const string Tar = "application/vnd.oci.image.layer.v1.tar";
    public const string TarGzip = "application/vnd.oci.image.layer.v1.tar+gzip";

    public const string DockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerConfig = "application/vnd.docker.container.image.v1+json";
    public const string DockerTar = "application/vnd.docker.image.rootfs.diff.tar";
    public const string DockerTarGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    public const string Release = "application/vnd.appliance.release.v1";
    public const string ReleaseDocument = "application/vnd.appliance.release.v1+json";
    public const string Compose = "application/vnd.appliance.compose.v1+yaml";
    public const string File = "application/vnd.appliance.file.v1";

    public static bool IsIndex(string type) => type is Index or DockerIndex;

    public static bool IsManifest(string type) => type is Manifest or DockerManifest;

    public static bool IsConfig(string type) => type is Config or DockerConfig;

    /// <summary>Whether a layer is compressed; null for a kind that is not taken.</summary>
    public static bool? IsGzip(string type) =>
        type switch
        {
            Tar or DockerTar => false,
            TarGzip or DockerTarGzip => true,
            _ => null,
        };
}
