using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Appliance.Tuf;

/// <summary>What one metadata file says about another.</summary>
/// <param name="Length">In bytes; null when it is not said.</param>
/// <param name="Hashes">In hexadecimal, by algorithm; null when they are not said.</param>
public sealed record MetadataFile(long Version, long? Length, IReadOnlyDictionary<string, string>? Hashes)
{
    /// <summary>All that can be said of a file.</summary>
    public static MetadataFile Of(long version, ReadOnlySpan<byte> bytes) =>
        new(version, bytes.Length, FileHashes.Sha256Of(bytes));

    /// <exception cref="TufException">The bytes are others.</exception>
    internal void Check(string file, ReadOnlySpan<byte> bytes)
    {
        if (Length is { } length && length != bytes.Length)
            throw new TufException(TufFault.Mismatch, file, $"has {bytes.Length} bytes, and {length} were announced");
        if (Hashes is not null)
            FileHashes.Check(file, Hashes, bytes);
    }
}

/// <summary>A file that is signed for.</summary>
/// <param name="Length">In bytes.</param>
/// <param name="Hashes">In hexadecimal, by algorithm (<c>sha256</c>, <c>sha512</c>); at least one.</param>
public sealed record TargetFile(long Length, IReadOnlyDictionary<string, string> Hashes)
{
    public static TargetFile Of(ReadOnlySpan<byte> bytes) => new(bytes.Length, FileHashes.Sha256Of(bytes));

    /// <param name="path">What the bytes are called in messages.</param>
    /// <exception cref="TufException">The length or one of the hashes is another, or an algorithm is not known.</exception>
    public void Check(string path, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
            throw new TufException(TufFault.Mismatch, path, $"has {bytes.Length} bytes, and {Length} were signed for");
        FileHashes.Check(path, Hashes, bytes);
    }
}

internal static class FileHashes
{
    public static Dictionary<string, string> Sha256Of(ReadOnlySpan<byte> bytes) =>
        new() { ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes)) };

    public static void Check(string file, IReadOnlyDictionary<string, string> hashes, ReadOnlySpan<byte> bytes)
    {
        using var hashing = Begin(file, hashes);
        hashing.Add(bytes);
        hashing.Demand();
    }

    /// <summary>For what does not fit into memory.</summary>
    /// <exception cref="TufException">An algorithm is not known: what cannot be checked is not taken.</exception>
    public static Hashing Begin(string file, IReadOnlyDictionary<string, string> hashes)
    {
        if (hashes.Keys.FirstOrDefault(name => name is not ("sha256" or "sha512")) is { } unknown)
            throw new TufException(
                TufFault.Mismatch,
                file,
                $"has a hash of a kind that is not known here: '{unknown}'"
            );
        return new(file, hashes);
    }

    internal sealed class Hashing(string file, IReadOnlyDictionary<string, string> hashes) : IDisposable
    {
        private readonly List<(string Expected, IncrementalHash Hash)> running =
        [
            .. hashes.Select(h =>
                (
                    h.Value,
                    IncrementalHash.CreateHash(h.Key == "sha256" ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA512)
                )
            ),
        ];

        public void Add(ReadOnlySpan<byte> bytes)
        {
            foreach (var (_, hash) in running)
                hash.AppendData(bytes);
        }

        /// <exception cref="TufException">A hash is another.</exception>
        public void Demand()
        {
            if (!IsAsExpected(out var difference))
                throw new TufException(TufFault.Mismatch, file, difference);
        }

        /// <summary>Whether each hash is the one that was signed for. To be asked once.</summary>
        public bool IsAsExpected([NotNullWhen(false)] out string? difference)
        {
            difference = null;
            foreach (var (expected, hash) in running)
            {
                var actual = Convert.ToHexStringLower(hash.GetHashAndReset());
                if (!string.Equals(actual, expected, StringComparison.OrdinalIgnoreCase))
                    difference = $"has the {hash.AlgorithmName} {actual}, and {expected} was signed for";
            }
            return difference is null;
        }

        public void Dispose()
        {
            foreach (var (_, hash) in running)
                hash.Dispose();
        }
    }
}
