using System.Security.Cryptography;
using System.Text;

namespace Appliance.Tuf;

/// <summary>Which paths a delegated role is responsible for.</summary>
internal static class TargetPath
{
    public static bool IsOf(DelegatedRole role, string path) =>
        role.Paths is { } patterns
            ? patterns.Any(pattern => Matches(pattern, path))
            : role.PathHashPrefixes!.Any(prefix =>
                Convert
                    .ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))
                    .StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
            );

    /// <summary>The whole path, segment by segment: <c>*</c> and <c>?</c> do not go over a <c>/</c>.</summary>
    public static bool Matches(string pattern, string path)
    {
        var (patterns, segments) = (pattern.Split('/'), path.Split('/'));
        return patterns.Length == segments.Length
            && patterns.Zip(segments).All(pair => SegmentMatches(pair.First, pair.Second));
    }

    // Going back to the last star only keeps it from taking exponential time.
    private static bool SegmentMatches(string pattern, string text)
    {
        var (p, t, star, resume) = (0, 0, -1, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
                (star, resume, p) = (p, t, p + 1);
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == text[t]))
                (p, t) = (p + 1, t + 1);
            else if (star >= 0)
                (p, t, resume) = (star + 1, resume + 1, resume + 1);
            else
                return false;
        }
        return pattern.AsSpan(p).TrimStart('*').IsEmpty;
    }

    /// <summary>Its segments, none of which leads out of a folder or to another name.</summary>
    /// <exception cref="TufException">One does.</exception>
    public static string[] Segments(string path)
    {
        var segments = path.Split('/');
        if (segments.Any(s => s is "" or "." or ".." || s.Contains('\0', StringComparison.Ordinal)))
            throw new TufException(
                TufFault.Malformed,
                path,
                "is no path of a target: it has an empty segment, or one of dots"
            );
        return segments;
    }
}
