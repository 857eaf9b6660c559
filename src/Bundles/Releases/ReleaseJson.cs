using System.Text.Json.Nodes;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary><c>release.json</c>: the document, and what unpacking each layer must give.</summary>
/// <param name="Layers">Each once, in the order of the blobs.</param>
internal sealed record ReleaseJson(ReleaseDocument Document, IReadOnlyList<UnpackedLayer> Layers)
{
    private const int SchemaVersion = 1;
    private const int MaxAllowances = 1000;

    public byte[] Render()
    {
        var root = new JsonObject
        {
            ["layers"] = new JsonArray([.. Layers.Select(Entry)]),
            ["product"] = Document.Product,
            ["schema-version"] = SchemaVersion,
            ["version"] = Document.Version.Text,
        };
        if (Document.UpgradeFrom is { } range)
            root["upgrade-from"] = range.Text;
        if (Document.Allowances.ByService.Count > 0)
            root["allowances"] = Entry(Document.Allowances);
        if (Document.Agent is { } agent)
            root["agent"] = Entry(agent);
        return Canonical.Render(root);
    }

    public static ReleaseJson Parse(NamedBytes document)
    {
        var root = JsonField.Parse(document);
        var schema = root["schema-version"];
        if (schema.Number(long.MaxValue) is var version and not SchemaVersion)
            throw schema.Refused($"is {version}, and {SchemaVersion} is what this program knows: update it");

        var release = new ReleaseJson(
            new(
                root["product"].Text(),
                SemanticVersion.TryParse(root["version"].Text())
                    ?? throw root["version"].Refused("is not a semantic version"),
                UpgradeFrom(root["upgrade-from"]),
                ParseAllowances(root["allowances"])
            )
            {
                Agent = ParseAgent(root["agent"]),
            },
            [.. root["layers"].Items(Limits.AllLayers).Select(ParseLayer)]
        );
        Canonical.Check(document.Bytes.Span, release.Render(), document.Name);
        return release;
    }

    private static VersionRange? UpgradeFrom(JsonField field) =>
        field.IsNull ? null : VersionRange.TryParse(field.Text()) ?? throw field.Refused("is not a range of versions");

    private static Allowances ParseAllowances(JsonField field) =>
        field.IsNull
            ? Allowances.None
            : new(field.Members().ToDictionary(m => m.Name, IReadOnlySet<string> (m) => Names(m.Value)));

    private static HashSet<string> Names(JsonField list) => [.. list.Items(MaxAllowances).Select(n => n.Text())];

    private static ReleaseAgent? ParseAgent(JsonField field) =>
        field.IsNull
            ? null
            : new(
                field["image"].Text(),
                SemanticVersion.TryParse(field["version"].Text())
                    ?? throw field["version"].Refused("is not a semantic version"),
                field["program"].Blob(Limits.Agent)
            );

    private static UnpackedLayer ParseLayer(JsonField layer) =>
        new(layer["digest"].Digest(), layer["diff-id"].Digest(), layer["unpacked-size"].Number(Limits.Blob));

    private static JsonObject Entry(UnpackedLayer layer) =>
        new()
        {
            ["diff-id"] = layer.DiffId,
            ["digest"] = layer.Digest,
            ["unpacked-size"] = layer.Size,
        };

    private static JsonObject Entry(ReleaseAgent agent) =>
        new()
        {
            ["image"] = agent.Reference,
            ["program"] = new JsonObject { ["digest"] = agent.Program.Digest, ["size"] = agent.Program.Size },
            ["version"] = agent.Version.Text,
        };

    private static JsonObject Entry(Allowances allowances) =>
        new(
            allowances.ByService.Select(s =>
                KeyValuePair.Create(
                    s.Key,
                    (JsonNode?)
                        new JsonArray([.. s.Value.Order(StringComparer.Ordinal).Select(n => JsonValue.Create(n))])
                )
            )
        );
}

/// <param name="Digest">Of the layer as it is stored.</param>
/// <param name="DiffId">Of its tar.</param>
/// <param name="Size">Of its tar, in bytes.</param>
internal sealed record UnpackedLayer(string Digest, string DiffId, long Size);
