using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose;

/// <summary>
/// The name of an image, as the OCI distribution grammar has it: <c>[registry[:port]/]repository[:tag][@digest]</c>.
/// </summary>
/// <param name="Registry">Null when the name does not start with a host.</param>
/// <param name="Repository">The path, as written.</param>
/// <param name="Tag">Null only when there is a digest.</param>
/// <param name="Digest"><c>sha256:</c> and 64 hexadecimal digits; null when the name has none.</param>
public sealed partial record ImageReference(string? Registry, string Repository, string? Tag, string? Digest)
{
    /// <summary>Reads a reference; without tag and digest, the tag is <c>latest</c>.</summary>
    /// <returns>Null when <paramref name="text"/> is not one.</returns>
    public static ImageReference? TryParse(string text)
    {
        if (text.Length > 1024 || Grammar().Match(text) is not { Success: true } match)
            return null;

        var (name, tag, digest) = (match.Groups["name"].Value, Group("tag"), Group("digest"));
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var first = slash < 0 ? "" : name[..slash];
        var hasRegistry = first == "localhost" || first.AsSpan().ContainsAny('.', ':');
        var repository = hasRegistry ? name[(slash + 1)..] : name;
        if (repository.Length > 255 || !Repositories().IsMatch(repository))
            return null;

        return new(hasRegistry ? first : null, repository, tag ?? (digest is null ? "latest" : null), digest);

        string? Group(string group) => match.Groups[group] is { Success: true } g ? g.Value : null;
    }

    /// <summary>The whole name, with its tag.</summary>
    public override string ToString() =>
        (Registry is null ? "" : Registry + "/")
        + Repository
        + (Tag is null ? "" : ":" + Tag)
        + (Digest is null ? "" : "@" + Digest);

    private const RegexOptions Options = RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant;

    [GeneratedRegex(
        @"^(?<name>([a-zA-Z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9._/-]+)(:(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(@(?<digest>sha256:[a-f0-9]{64}))?\z",
        Options,
        1000
    )]
    private static partial Regex Grammar();

    [GeneratedRegex(@"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\z", Options, 1000)]
    private static partial Regex Repositories();
}
