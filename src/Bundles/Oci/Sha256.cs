using System.Buffers;
using System.Security.Cryptography;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Oci;

/// <summary>Digests as the specifications write them: <c>sha256:</c> and 64 lower-case hexadecimal digits.</summary>
internal static class Sha256
{
    private const string Prefix = "sha256:";

    private static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789abcdef");

    public static string Of(ReadOnlySpan<byte> bytes) => Prefix + Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>The digest of what was appended; the hash begins anew.</summary>
    public static string Finish(IncrementalHash hash)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return Prefix + Convert.ToHexStringLower(digest);
    }

    public static Blob BlobOf(ReadOnlySpan<byte> bytes) => new(Of(bytes), bytes.Length);

    public static bool IsDigest(string text) =>
        text.Length == Prefix.Length + 64
        && text.StartsWith(Prefix, StringComparison.Ordinal)
        && !text.AsSpan(Prefix.Length).ContainsAnyExcept(s_digits);

    /// <summary>The digits alone, which name the blob in a layout.</summary>
    public static string Hex(string digest) => digest[Prefix.Length..];
}
