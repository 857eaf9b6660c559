namespace Appliance.Bundles.Oci;

/// <summary>How something is compressed, told by its first bytes.</summary>
internal static class Compression
{
    public enum Kind
    {
        None,
        Gzip,
        Zstd,
    }

    public static async Task<Kind> OfAsync(Stream stream, CancellationToken cancellationToken)
    {
        var magic = new byte[4];
        var length = await stream.ReadAtLeastAsync(magic, magic.Length, throwOnEndOfStream: false, cancellationToken);
        return magic.AsSpan(0, length) switch
        {
            [0x1f, 0x8b, ..] => Kind.Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Kind.Zstd,
            _ => Kind.None,
        };
    }
}
