using System.Text;
using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary>Names of a release's files: what they lead to is in the release's folder, on every machine.</summary>
internal static class ReleasePath
{
    public const string Compose = "compose.yaml";
    public const string Document = "release.json";

    // No file system of Linux takes more.
    private const int MaxSegment = 255;

    public static bool IsValid(string path) =>
        Encoding.UTF8.GetByteCount(path) is > 0 and <= Limits.Path
        && !path.Any(c => char.IsControl(c) || c == '\\' || char.IsSurrogate(c))
        && path.Split('/')
            .All(part => part is not ("" or "." or "..") && Encoding.UTF8.GetByteCount(part) <= MaxSegment);

    /// <returns>A path that would have to be a file and a folder; null if there is none.</returns>
    public static string? FileAndFolder(IEnumerable<string> paths)
    {
        var files = paths.ToHashSet();
        return files.FirstOrDefault(path => FoldersOf(path).Any(files.Contains));
    }

    private static IEnumerable<string> FoldersOf(string path)
    {
        for (var slash = path.IndexOf('/', StringComparison.Ordinal); slash > 0; slash = path.IndexOf('/', slash + 1))
            yield return path[..slash];
    }
}
