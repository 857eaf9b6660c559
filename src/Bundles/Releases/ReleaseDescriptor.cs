using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Releases;

/// <summary>
/// The TUF target <c>&lt;product&gt;/&lt;version&gt;.json</c>: what the signatures are about. Everything else of a release
/// follows from its index by digest.
/// </summary>
/// <param name="Index">The release's OCI image index.</param>
/// <param name="SignedAt">When it was made, to the second, UTC; a lower bound of the present for whoever verified it.</param>
public sealed record ReleaseDescriptor(string Product, SemanticVersion Version, Blob Index, DateTimeOffset SignedAt);

/// <summary>Bytes by what they are: <c>sha256:</c> and 64 hexadecimal digits, and their count.</summary>
public sealed record Blob(string Digest, long Size);
