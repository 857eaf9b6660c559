namespace Appliance.Bundles.Oci;

/// <summary>More than this is a mistake or an attack. All sizes are in bytes.</summary>
internal static class Limits
{
    public const int Manifest = 4 * 1024 * 1024;
    public const int Config = 4 * 1024 * 1024;
    public const int ReleaseDocument = 16 * 1024 * 1024;
    public const int Deltas = 4 * 1024 * 1024;
    public const int File = 1024 * 1024;

    /// <summary>An agent's executable: several times what it has today.</summary>
    public const long Agent = 512L * 1024 * 1024;

    public const int Depth = 32;
    public const int Images = 1000;
    public const int Layers = 200;
    public const int AllLayers = 40_000;
    public const int Files = 1000;
    public const int Path = 1024;

    /// <summary>One layer, unpacked: far above what an engine would take, and no overflow in sums.</summary>
    public const long Blob = 1L << 45;
}
