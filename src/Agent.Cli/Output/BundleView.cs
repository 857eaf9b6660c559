using System.Text.Json;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Output;

/// <summary>Bundles as they lie on a disk.</summary>
internal static class BundleView
{
    public static void WriteCreated(Session session, string path, long size, ReleaseContent content)
    {
        var release = content.Descriptor;
        if (session.Format == OutputFormat.Json)
        {
            session.Out.WriteLine(
                JsonText.Object(json =>
                {
                    json.WriteString("file", path);
                    json.WriteNumber("size", size);
                    Write(json, release);
                    json.WriteNumber("images", content.Images.Count);
                })
            );
            return;
        }
        session.Out.WriteLine(
            Text.OneLine(
                $"{path}: {release.Product} {release.Version}, {Text.Count(content.Images.Count, "image")}, {Sizes.Of(size)}"
            )
        );
        session.Out.WriteLine(release.Index.Digest);
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
        foreach (var (service, allowed) in content.Document.Allowances.ByService)
            facts.Add($"{service} may", string.Join("; ", allowed.Order(StringComparer.Ordinal)));
        facts.WriteTo(screen);

        screen.WriteLine();
        Services(compose).WriteTo(screen);
        screen.WriteLine();
        Images(content).WriteTo(screen);
        screen.WriteLine();
        Files(content).WriteTo(screen);
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
