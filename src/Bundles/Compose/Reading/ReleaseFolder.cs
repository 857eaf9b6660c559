using System.Security;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>The folder of the Compose file: all that a release may name is in it.</summary>
internal sealed class ReleaseFolder(string root)
{
    /// <summary>What a secret or config may weigh.</summary>
    public const int MaxFile = 1024 * 1024;

    private readonly string _root = Path.GetFullPath(root);
    private readonly SortedDictionary<string, Contents> _read = new(StringComparer.Ordinal);

    /// <summary>What was read so far, by path.</summary>
    public IReadOnlyList<ComposeInput> Files => [.. _read.Values.Select(f => new ComposeInput(f.Path, f.Bytes))];

    /// <param name="Path">Relative to the folder, with forward slashes and no dots.</param>
    public readonly record struct Contents(string Path, byte[] Bytes);

    /// <summary>Reads a file that <paramref name="field"/> names.</summary>
    /// <returns>Null, with the error on the field; or null without one, if it is missing and need not be there.</returns>
    public Contents? Read(Field field, string name, bool required = true)
    {
        var full = Path.GetFullPath(name, _root);
        var relative = Path.GetRelativePath(_root, full);
        if (Path.IsPathRooted(name) || relative.StartsWith("..", StringComparison.Ordinal) || relative == ".")
        {
            field.Error($"\"{Field.Shorten(name)}\" is not inside the release; name a file beside the Compose file");
            return null;
        }

        try
        {
            if (LinkOnTheWay(relative) is { } link)
            {
                field.Error($"\"{link}\" is a symbolic link; a release holds plain files only");
                return null;
            }

            if (!File.Exists(full))
            {
                if (required)
                    field.Error($"there is no file \"{Field.Shorten(relative)}\" beside the Compose file");
                return null;
            }

            using var file = RegularFile.Open(full);
            if (file.Length > MaxFile)
            {
                field.Error($"\"{relative}\" has {file.Length} bytes; at most {MaxFile} are allowed");
                return null;
            }

            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return _read[relative] = new(relative.Replace('\\', '/'), bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SecurityException)
        {
            field.Error($"\"{Field.Shorten(relative)}\" cannot be read: {e.Message}");
            return null;
        }
    }

    // A link could lead out of the folder, and would mean another file on another machine.
    private string? LinkOnTheWay(string relative)
    {
        var path = _root;
        foreach (var part in relative.Split(Path.DirectorySeparatorChar))
        {
            path = Path.Combine(path, part);
            if (new FileInfo(path).LinkTarget is not null)
                return Path.GetRelativePath(_root, path);
        }

        return null;
    }
}
