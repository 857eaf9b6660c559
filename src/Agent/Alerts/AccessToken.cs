using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Appliance.Agent.Alerts;

/// <summary>
/// What a token looks like: a prefix by which people and secret scanners know it, 32 random bytes, and a checksum that
/// tells a mistyped one from a wrong one.
/// </summary>
internal static class AccessToken
{
    public const string Prefix = "appliance_wh_";

    private const int RandomBytes = 32;
    private const int RandomLength = 43;
    private const int ChecksumLength = 8;
    private const int Length = 13 + RandomLength + ChecksumLength;

    private static readonly SearchValues<char> Alphabet = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    );

    public static string Mint()
    {
        var random = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        return $"{Prefix}{random}{ChecksumOf(random)}";
    }

    public static bool IsWellFormed(string text) =>
        text.Length == Length
        && text.StartsWith(Prefix, StringComparison.Ordinal)
        && !RandomPart(text).ContainsAnyExcept(Alphabet)
        && text.AsSpan(Length - ChecksumLength).SequenceEqual(ChecksumOf(RandomPart(text)));

    /// <summary>
    /// What is kept of a token. A plain hash is enough: slow ones are for passwords, which can be guessed, and nobody
    /// guesses 32 random bytes. So a request costs next to nothing, whoever sends it.
    /// </summary>
    public static byte[] HashOf(string wellFormed) =>
        SHA256.HashData(Encoding.ASCII.GetBytes(RandomPart(wellFormed).ToString()));

    private static ReadOnlySpan<char> RandomPart(string text) => text.AsSpan(Prefix.Length, RandomLength);

    private static string ChecksumOf(ReadOnlySpan<char> random)
    {
        Span<byte> bytes = stackalloc byte[RandomLength];
        Encoding.ASCII.GetBytes(random, bytes);
        return Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, ChecksumLength / 2));
    }
}
