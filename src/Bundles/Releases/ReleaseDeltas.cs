using System.Text.Json.Nodes;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary>
/// The TUF target <c>&lt;product&gt;/&lt;version&gt;/deltas.json</c>: of what an appliance that runs an earlier version makes the
/// layers of this one. It is signed beside the release, and no part of it: a release is the same however it travels.
/// </summary>
/// <param name="Index">Digest of the release's index.</param>
/// <param name="From">Earlier versions, of which each has all that is needed.</param>
/// <param name="Layers">Those that a bundle with deltas does not hold itself, in the order of the release's blobs.</param>
public sealed record ReleaseDeltas(string Index, IReadOnlyList<SemanticVersion> From, IReadOnlyList<LayerDeltas> Layers)
{
    /// <summary>More than any that is made.</summary>
    public const int MaxBytes = Limits.Deltas;

    /// <summary>How many earlier versions there may be.</summary>
    public const int MaxVersions = 16;

    private const int SchemaVersion = 1;

    // RFC 3284, as xdelta3 writes it.
    private const string Format = "vcdiff";

    /// <summary>The deltas themselves, in the order of the layers.</summary>
    public IEnumerable<Blob> Blobs => Layers.SelectMany(l => l.Deltas);

    /// <summary>Its name in TUF's targets. No release can be called so: a version has no slash.</summary>
    /// <param name="descriptorPath">That of the release: <c>product/version.json</c>.</param>
    public static string TargetPathBeside(string descriptorPath) =>
        $"{Path.ChangeExtension(descriptorPath, extension: null)}/deltas.json";

    /// <summary>The one rendering: canonical JSON.</summary>
    public byte[] ToBytes() =>
        Canonical.Render(
            new JsonObject
            {
                ["format"] = Format,
                ["from"] = new JsonArray([.. From.Select(v => JsonValue.Create(v.Text))]),
                ["index"] = Index,
                ["layers"] = new JsonArray([.. Layers.Select(Entry)]),
                ["schema-version"] = SchemaVersion,
            }
        );

    /// <exception cref="RefusedException">It is anything but what <see cref="ToBytes"/> gives, or does not agree with itself.</exception>
    public static ReleaseDeltas Parse(ReadOnlyMemory<byte> bytes)
    {
        const string name = "deltas.json";
        if (bytes.Length > MaxBytes)
            throw new RefusedException($"{name} has {bytes.Length} bytes; at most {MaxBytes} are allowed");
        var root = JsonField.Parse(new(bytes, name));
        var schema = root["schema-version"];
        if (schema.Number(long.MaxValue) is var version and not SchemaVersion)
            throw schema.Refused($"is {version}, and {SchemaVersion} is what this program knows: update it");
        if (root["format"].Text() is var format and not Format)
            throw root["format"].Refused($"is {format}, and {Format} is what this program knows: update it");

        var deltas = new ReleaseDeltas(
            root["index"].Digest(),
            [.. root["from"].Items(MaxVersions).Select(ParseVersion)],
            [.. root["layers"].Items(Limits.AllLayers).Select(ParseLayer)]
        );
        Canonical.Check(bytes.Span, deltas.ToBytes(), name);
        deltas.Check(root);
        return deltas;
    }

    private void Check(JsonField root)
    {
        if (From.Count == 0 || From.Distinct().Count() < From.Count)
            throw root["from"].Refused("must name versions, each once");
        if (Layers.Count == 0 || Layers.DistinctBy(l => l.DiffId).Count() < Layers.Count)
            throw root["layers"].Refused("must list layers, each once");
        if (Blobs.DistinctBy(b => b.Digest).Count() < Blobs.Count())
            throw root["layers"].Refused("has one delta for two layers");
    }

    private static SemanticVersion ParseVersion(JsonField field) =>
        ReleaseDescriptor.IsVersion(field.Text())
            ? SemanticVersion.TryParse(field.Text())!
            : throw field.Refused("is not the version of a release");

    private static LayerDeltas ParseLayer(JsonField layer)
    {
        var bases = layer["bases"];
        var parsed = new LayerDeltas(
            layer["diff-id"].Digest(),
            layer["size"].Number(Limits.Blob),
            [.. bases.Items(MaxVersions).Select(ParseBase)]
        );
        if (parsed.Bases.Count == 0 || parsed.Bases.DistinctBy(b => b.DiffId).Count() < parsed.Bases.Count)
            throw bases.Refused("must list layers, each once");
        if (parsed.Bases.Any(b => (b.Delta is null) != (b.DiffId == parsed.DiffId)))
            throw bases.Refused("must have a delta where it is another layer, and none where it is the same");
        if (parsed.Bases.Any(b => b.Delta is null && b.Size != parsed.Size))
            throw bases.Refused("says two sizes of one layer");
        return parsed;
    }

    private static LayerBase ParseBase(JsonField field) =>
        new(
            field["diff-id"].Digest(),
            field["size"].Number(Limits.Blob),
            field["delta"].IsNull ? null : field["delta"].Blob(Limits.Blob)
        );

    private static JsonObject Entry(LayerDeltas layer) =>
        new()
        {
            ["bases"] = new JsonArray([.. layer.Bases.Select(Entry)]),
            ["diff-id"] = layer.DiffId,
            ["size"] = layer.Size,
        };

    private static JsonObject Entry(LayerBase from)
    {
        var entry = new JsonObject { ["diff-id"] = from.DiffId, ["size"] = from.Size };
        if (from.Delta is { } delta)
            entry["delta"] = new JsonObject { ["digest"] = delta.Digest, ["size"] = delta.Size };
        return entry;
    }
}

/// <summary>A layer that is made of any one of several others.</summary>
/// <param name="DiffId">Digest of its tar, which is what has to come of it.</param>
/// <param name="Size">Bytes of its tar.</param>
public sealed record LayerDeltas(string DiffId, long Size, IReadOnlyList<LayerBase> Bases)
{
    /// <summary>In the order of the bases, each once: what differs from several of them in the same place has one for all.</summary>
    public IEnumerable<Blob> Deltas => Bases.Select(b => b.Delta).OfType<Blob>().Distinct();
}

/// <param name="DiffId">Digest of the tar that it is made of.</param>
/// <param name="Size">Bytes of that.</param>
/// <param name="Delta">What makes the one of the other; null: it is the same layer, and an appliance has it.</param>
public sealed record LayerBase(string DiffId, long Size, Blob? Delta);
