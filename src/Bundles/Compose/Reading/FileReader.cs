using System.Security.Cryptography;
using System.Text;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Secrets and configs, and the services' mounts of them.</summary>
internal static class FileReader
{
    private static readonly Dictionary<string, string> s_refused = new()
    {
        ["external"] = "external is not supported: an appliance holds nothing but the release; use \"file\"",
        ["name"] = "a name of its own is not supported; the key is its name",
        ["driver"] = "drivers are not supported; use \"file\"",
        ["driver_opts"] = "drivers are not supported; use \"file\"",
        ["template_driver"] = "templates are not supported; use interpolation in \"content\"",
    };

    private static readonly KeySet s_configKeys = new(
        "config",
        ["file", "content", "environment", "labels"],
        s_refused
    );

    private static readonly KeySet s_secretKeys = new(
        "secret",
        ["file", "labels"],
        new Dictionary<string, string>(s_refused)
        {
            ["environment"] = "a secret from the environment would stand in the release as plain text; use \"file\"",
            ["content"] = "a secret must not stand in the Compose file; use \"file\"",
        }
    );

    private static readonly KeySet s_mountKeys = new(
        "secret's or config's mount",
        ["source", "target", "uid", "gid", "mode"]
    );

    public static ComposeFile Config(string name, Field field, ReadContext context)
    {
        var map = field.Map(s_configKeys, "a mapping with \"file\", \"content\" or \"environment\"");
        string[] kinds = ["file", "content", "environment"];
        if (field.IsMap && kinds.Count(map.Has) != 1)
            field.ErrorAtKey("a config has exactly one of file, content and environment");

        FileSource? source =
            map["file"] is { } file ? FromFile(file, context)
            : map["content"]?.AnyScalar() is { } content ? Inline(content)
            : map["environment"] is { } variable ? FromVariable(variable, context)
            : null;

        // A missing source has been reported: then there will be no model, only further diagnostics.
        return new(name, source!, EnvironmentReader.Labels(map["labels"]));
    }

    public static ComposeFile Secret(string name, Field field, ReadContext context)
    {
        var map = field.Map(s_secretKeys, "a mapping with \"file\"");
        var refused = field.Child("external") ?? field.Child("environment") ?? field.Child("content");
        var file = refused is null
            ? map.Required("file", "the file beside the Compose file that holds it")
            : map["file"];

        // As above.
        return new(name, (file is null ? null : FromFile(file, context))!, EnvironmentReader.Labels(map["labels"]));
    }

    /// <param name="kind">"secret" or "config", for messages.</param>
    /// <param name="folder">Where it appears when no absolute target is given.</param>
    public static IReadOnlyList<Placed<FileMount>> OfService(Field? field, string kind, string folder)
    {
        var mounts = new List<Placed<FileMount>>();
        foreach (var item in field?.Items($"a list of {kind}s") ?? [])
        {
            if (!item.IsMap)
            {
                if (item.Name() is { } name)
                    mounts.Add(new(new(name, folder + name, null, null, DefaultMode), item));
                continue;
            }

            var map = item.Map(s_mountKeys);
            if (map.Required("source", $"which {kind}")?.Name() is not { } source)
                continue;

            var targetField = map["target"];
            var target = targetField?.Name() is { } text ? Target(targetField, text, kind, folder) : folder + source;
            var (uid, gid) = (map["uid"]?.Int(0, int.MaxValue), map["gid"]?.Int(0, int.MaxValue));
            var mode = map["mode"]?.Mode() ?? DefaultMode;
            if (target is not null)
                MountReader.CheckRuntime(targetField ?? item, target);
            if (target is not null)
                mounts.Add(new(new(source, target, uid, gid, mode), item));
        }

        return mounts;
    }

    // Octal 0444.
    private const int DefaultMode = (4 << 6) | (4 << 3) | 4;

    private static string? Target(Field field, string text, string kind, string folder)
    {
        if (text.Split('/').Contains(".."))
            field.Error($"\"{Field.Shorten(text)}\" must not contain \"..\"");
        else if (text.StartsWith('/'))
            return MountReader.Target(field, text);
        else if (folder == "/")
            field.Error(
                $"\"{Field.Shorten(text)}\" is not an absolute path inside the container, which a {kind} needs"
            );
        else
            return MountReader.Target(field, folder + text);
        return null;
    }

    private static FileFromRelease? FromFile(Field field, ReadContext context) =>
        field.Name() is { } name && context.Folder.Read(field, name) is { } file
            ? new(file.Path, Digest(file.Bytes))
            : null;

    private static InlineFile? FromVariable(Field field, ReadContext context)
    {
        if (field.Name() is not { } name)
            return null;
        if (context.Variables[name] is { } value)
            return Inline(value);
        field.Error($"variable \"{Field.Shorten(name)}\" is not set; set it in .env beside the Compose file");
        return null;
    }

    private static InlineFile Inline(string content) => new(content, Digest(Encoding.UTF8.GetBytes(content)));

    private static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
