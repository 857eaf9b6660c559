using System.Text.Json;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Deltas;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Output;

/// <summary>Bundles as they lie on a disk.</summary>
internal static class BundleView
{
    /// <summary>The whole bundle, and the one with deltas if there is one, and what it saves.</summary>
    public static void WriteCreated(
        Session session,
        BundleOnDisk whole,
        BundleOnDisk? small,
        ReleaseContent content,
        (ReleaseDeltas? Deltas, IReadOnlyList<DeltaGain> Gains) made
    )
    {
        var release = content.Descriptor;
        if (session.Format == OutputFormat.Json)
        {
            session.Out.WriteLine(
                JsonText.Object(json =>
                {
                    json.WriteString("file", whole.Path);
                    json.WriteNumber("size", whole.Size);
                    Write(json, release);
                    json.WriteNumber("images", content.Images.Count);
                    if (small is null)
                        return;
                    json.WriteString("deltaFile", small.Path);
                    json.WriteNumber("deltaSize", small.Size);
                    Write(json, made.Deltas!);
                })
            );
            return;
        }
        session.Out.WriteLine(
            Text.OneLine(
                $"{whole.Path}: {release.Product} {release.Version}, {Text.Count(content.Images.Count, "image")}, {Sizes.Of(whole.Size)}"
            )
        );
        session.Out.WriteLine(release.Index.Digest);
        if (small is null)
        {
            // Asked for, and in vain.
            if (made.Gains.Count > 0)
                session.Error.WriteLine("No delta is much smaller than its layer: no bundle with deltas was made.");
            return;
        }
        session.Out.WriteLine(Text.OneLine($"{small.Path}: for {Versions(made.Deltas!)} only, {Sizes.Of(small.Size)}"));
        session.Out.WriteLine();
        Gains(made.Gains).WriteTo(session.Out);
    }

    public static void WriteVerified(Session session, VerifiedBundle bundle)
    {
        if (session.Format == OutputFormat.Json)
        {
            session.Out.WriteLine(
                JsonText.Object(json =>
                {
                    Write(json, bundle.Descriptor);
                    json.WriteString("expiresAt", bundle.ExpiresAt.UtcDateTime);
                })
            );
            return;
        }
        session.Out.WriteLine(
            $"{bundle.Descriptor.Product} {bundle.Descriptor.Version} is {session.Out.Paint("verified", Style.Green)}: every signature, and every byte."
        );
        Facts(session, bundle).WriteTo(session.Out);
    }

    public static void WriteInspected(
        Session session,
        VerifiedBundle bundle,
        ReleaseContent content,
        ComposeResult compose,
        bool isVerified
    )
    {
        if (session.Format == OutputFormat.Json)
        {
            session.Out.WriteLine(JsonText.Object(json => Write(json, bundle, content, compose, isVerified)));
            return;
        }

        var screen = session.Out;
        var title = $"{content.Document.Product} {content.Document.Version}";
        screen.WriteLine(
            isVerified
                ? $"{screen.Paint(title, Style.Bold)}, {screen.Paint("verified", Style.Green)}"
                : $"{screen.Paint(title, Style.Bold)}, {screen.Paint("not verified", Style.Yellow)}: anybody could have made this; hold it against your root with --root"
        );
        var facts = Facts(session, bundle);
        if (content.Document.UpgradeFrom is { } range)
            facts.Add("Upgrade from", range.Text);
        if (content.Document.Agent is { } agent)
            facts.Add("Agent", agent.Version.Text);
        foreach (var (service, allowed) in content.Document.Allowances.ByService)
            facts.Add($"{service} may", string.Join("; ", allowed.Order(StringComparer.Ordinal)));
        if (bundle.Deltas is { } deltas)
            facts.Add("Only for", $"appliances with {Versions(deltas)}: it has deltas in the place of layers");
        facts.WriteTo(screen);

        screen.WriteLine();
        Services(compose).WriteTo(screen);
        screen.WriteLine();
        Images(content).WriteTo(screen);
        screen.WriteLine();
        Files(content).WriteTo(screen);
        if (bundle.Deltas is null)
            return;
        screen.WriteLine();
        Deltas(bundle.Deltas, content).WriteTo(screen);
    }

    private static Table Facts(Session session, VerifiedBundle bundle)
    {
        var now = session.Clock.GetUtcNow();
        var facts = new Table("", "");
        facts.Add("Signed", Ages.Ago(bundle.Descriptor.SignedAt.ToTimestamp(), now));
        var end = Ages.Ago(bundle.ExpiresAt.ToTimestamp(), now);
        facts.Add("Signatures", bundle.ExpiresAt <= now ? new Cell($"expired {end}", Style.Yellow) : $"expire {end}");
        facts.Add("Digest", bundle.Descriptor.Index.Digest);
        return facts;
    }

    private static Table Services(ComposeResult compose)
    {
        var table = new Table("SERVICE", "IMAGE");
        foreach (var service in compose.Model?.Services.Values ?? [])
            table.Add(service.Name, $"{service.Image}");
        // It may need variables that only the appliance has.
        if (compose.Model is null)
            table.Add("-", $"the Compose file cannot be read here: {compose.Errors.First()}");
        return table;
    }

    private static Table Images(ReleaseContent content)
    {
        var table = new Table("IMAGE", "LAYERS", "SIZE", "UNPACKED", "MANIFEST");
        foreach (var image in content.Images)
            table.Add(
                image.Reference,
                image.Layers.Count,
                Sizes.Of(SizeOf(image)),
                Sizes.Of(image.Layers.Sum(l => l.UnpackedSize)),
                image.Manifest.Digest
            );
        return table;
    }

    private static Table Files(ReleaseContent content)
    {
        var table = new Table("FILE", "SIZE");
        foreach (var file in content.Files)
            table.Add(file.Path, Sizes.Of(file.Blob.Size));
        return table;
    }

    private static Table Deltas(ReleaseDeltas deltas, ReleaseContent content)
    {
        var images = content.Images.SelectMany(i => i.Layers.Select(l => (i.Reference, Layer: l)));
        var known = images.DistinctBy(p => p.Layer.DiffId).ToDictionary(p => p.Layer.DiffId);
        return Gains([
            .. deltas.Layers.Select(l => new DeltaGain(known[l.DiffId].Reference, known[l.DiffId].Layer, l)),
        ]);
    }

    private static Table Gains(IEnumerable<DeltaGain> gains)
    {
        var table = new Table("LAYER", "SIZE", "DELTA", "IMAGE");
        foreach (var gain in gains)
            table.Add(gain.Layer.Blob.Digest, Sizes.Of(gain.Layer.Blob.Size), InWords(gain.Deltas), gain.Image);
        return table;
    }

    private static string InWords(LayerDeltas? deltas) =>
        deltas?.Deltas.ToList() switch
        {
            null => "none",
            [] => "same",
            var some => string.Join(" + ", some.Select(d => Sizes.Of(d.Size))),
        };

    private static string Versions(ReleaseDeltas deltas) => string.Join(", ", deltas.From);

    private static long SizeOf(ReleaseImage image) =>
        image.Manifest.Size + image.Config.Size + image.Layers.Sum(l => l.Blob.Size);

    private static void Write(Utf8JsonWriter json, ReleaseDescriptor release)
    {
        json.WriteString("product", release.Product);
        json.WriteString("version", release.Version.Text);
        json.WriteString("digest", release.Index.Digest);
        json.WriteString("signedAt", release.SignedAt.UtcDateTime);
    }

    private static void Write(
        Utf8JsonWriter json,
        VerifiedBundle bundle,
        ReleaseContent content,
        ComposeResult compose,
        bool isVerified
    )
    {
        json.WriteBoolean("verified", isVerified);
        Write(json, content.Descriptor);
        json.WriteString("expiresAt", bundle.ExpiresAt.UtcDateTime);
        json.WriteString("upgradeFrom", content.Document.UpgradeFrom?.Text);
        json.WriteString("agentVersion", content.Document.Agent?.Version.Text);
        json.WriteStartObject("allowances");
        foreach (var (service, allowed) in content.Document.Allowances.ByService)
        {
            json.WriteStartArray(service);
            foreach (var name in allowed.Order(StringComparer.Ordinal))
                json.WriteStringValue(name);
            json.WriteEndArray();
        }
        json.WriteEndObject();
        json.WriteObjects(
            "services",
            compose.Model?.Services.Values ?? [],
            service =>
            {
                json.WriteString("name", service.Name);
                json.WriteString("image", $"{service.Image}");
            }
        );
        json.WriteObjects("images", content.Images, image => Write(json, image));
        json.WriteObjects(
            "files",
            content.Files,
            file =>
            {
                json.WriteString("path", file.Path);
                Write(json, file.Blob);
            }
        );
        if (bundle.Deltas is { } deltas)
            Write(json, deltas);
    }

    private static void Write(Utf8JsonWriter json, ReleaseDeltas deltas)
    {
        json.WriteStartArray("deltasFrom");
        foreach (var version in deltas.From)
            json.WriteStringValue(version.Text);
        json.WriteEndArray();
        json.WriteObjects(
            "deltas",
            deltas.Layers,
            layer =>
            {
                json.WriteString("diffId", layer.DiffId);
                json.WriteNumber("unpackedSize", layer.Size);
                json.WriteObjects(
                    "bases",
                    layer.Bases,
                    old =>
                    {
                        json.WriteString("diffId", old.DiffId);
                        if (old.Delta is not null)
                            Write(json, old.Delta);
                    }
                );
            }
        );
    }

    private static void Write(Utf8JsonWriter json, ReleaseImage image)
    {
        json.WriteString("reference", image.Reference);
        Write(json, image.Manifest);
        json.WriteString("id", image.Config.Digest);
        json.WriteObjects(
            "layers",
            image.Layers,
            layer =>
            {
                Write(json, layer.Blob);
                json.WriteBoolean("gzip", layer.IsGzip);
                json.WriteString("diffId", layer.DiffId);
                json.WriteNumber("unpackedSize", layer.UnpackedSize);
            }
        );
    }

    private static void Write(Utf8JsonWriter json, Blob blob)
    {
        json.WriteString("digest", blob.Digest);
        json.WriteNumber("size", blob.Size);
    }
}

/// <summary>A bundle that was written, under the name that was asked for.</summary>
internal sealed record BundleOnDisk(string Path, long Size);
