using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Reads the top level, and puts the model together.</summary>
internal static partial class DocumentReader
{
    private static readonly KeySet s_keys = new(
        "Compose file",
        ["name", "version", "services", "networks", "volumes", "secrets", "configs", "x-appliance"],
        new Dictionary<string, string>
        {
            ["include"] =
                "include is not supported: a release is one Compose file; print the merged one with \"docker compose config\"",
            ["models"] = "models are not supported",
        }
    );

    private static readonly KeySet s_applianceKeys = new(
        "top-level x-appliance",
        ["version", "description", "upgrade-from", "requirements", "fall-back"],
        new Dictionary<string, string>(ApplianceKeys.Later)
        {
            ["name"] = "the product's name is the top-level \"name\"",
            ["canary"] = "canary belongs in a service: services.NAME.x-appliance.canary",
            ["ingress"] = "ingress belongs in a service: services.NAME.x-appliance.ingress",
            ["data"] = "data belongs in a volume: volumes.NAME.x-appliance.data",
            ["migration"] = "migration belongs in a service: services.NAME.x-appliance.migration",
            ["migrations"] = "a migration is a service that ends: services.NAME.x-appliance.migration",
            ["probes"] = "probes belong in a service: services.NAME.x-appliance.probes",
            ["share-safe"] = "share-safe belongs in a service: services.NAME.x-appliance.share-safe",
        },
        extensions: false
    );

    /// <returns>The model, which counts only if no error was found, and what the checks need.</returns>
    public static (ComposeModel Model, Draft Draft) Read(Field root, ReadContext context)
    {
        var map = root.Map(s_keys, "a mapping with \"name\" and \"services\"");
        map.Nullable("version")?.Warn("\"version\" is obsolete and means nothing; remove it");
        var appliance = map["x-appliance"]?.Map(s_applianceKeys);
        var version = Version(appliance?["version"]);
        var fallsBack = appliance?["fall-back"]?.Bool() ?? false;

        var services = Entries(map.Required("services", "what the application runs"))
            .Select(e => ServiceReader.Read(e.Key, e.Value, context))
            .ToList();
        if (map["services"] is { IsMap: true } field && services.Count == 0)
            field.Error("must hold at least one service");

        var draft = new Draft(
            services,
            Named(map.Nullable("networks"), NetworkReader.Network),
            Named(map.Nullable("volumes"), (name, f) => VolumeReader.Volume(name, f, context.Allowances, version)),
            Named(map.Nullable("secrets"), (name, f) => FileReader.Secret(name, f, context)),
            Named(map.Nullable("configs"), (name, f) => FileReader.Config(name, f, context))
        )
        {
            Version = version,
            FallBack = fallsBack ? appliance?["fall-back"] : null,
        };

        var model = new ComposeModel
        {
            Name = Product(map) ?? "",
            Version = version,
            Description = appliance?["description"]?.Name(),
            UpgradeFrom = appliance?["upgrade-from"]?.Versions(),
            Requirements = RequirementsReader.Read(appliance?["requirements"]),
            FallBack = fallsBack,
            Services = services.Select(s => s.Service).ToOrdered(s => s.Name),
            Networks = WithDefault(draft).ToOrdered(n => n.Name),
            Volumes = draft.Volumes.Values().ToOrdered(v => v.Name),
            Secrets = draft.Secrets.Values().ToOrdered(s => s.Name),
            Configs = draft.Configs.Values().ToOrdered(c => c.Name),
        };
        return (model, draft);
    }

    private static string? Product(MapReader map)
    {
        var field = map.Required("name", "the product's name");
        if (field?.Name() is not { } name)
            return null;
        if (ProductName().IsMatch(name))
            return name;
        field.Error(
            $"\"{Field.Shorten(name)}\" is not a product's name: lower-case letters, digits, \"-\" and \"_\", a letter or digit first, at most 63 characters"
        );
        return null;
    }

    private static SemanticVersion? Version(Field? field)
    {
        if (field?.Name() is not { } text)
            return null;
        var version = SemanticVersion.TryParse(text);
        if (version is null)
            field.Error($"\"{Field.Shorten(text)}\" is not a semantic version, like \"1.4.0\" or \"2.0.0-rc.1\"");
        return version;
    }

    private static List<Placed<T>> Named<T>(Field? field, Func<string, Field, T> read)
    {
        var result = new List<Placed<T>>();
        foreach (var (name, value) in Entries(field))
        {
            if (!Names.IsMatch(name))
                value.ErrorAtKey(Names.Rule);
            result.Add(new(read(name, value), value));
        }

        return result;
    }

    private static IEnumerable<(string Key, Field Value)> Entries(Field? field) => field?.Entries() ?? [];

    private static IEnumerable<ComposeNetwork> WithDefault(Draft draft)
    {
        var declared = draft.Networks.Values();
        var joined = draft.Services.Any(s => s.Service.Networks.Any(n => n.Network == ComposeNetwork.DefaultName));
        return joined && declared.All(n => n.Name != ComposeNetwork.DefaultName)
            ? declared.Prepend(new ComposeNetwork { Name = ComposeNetwork.DefaultName })
            : declared;
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9_-]{0,62}\z", RegexOptions.None, 1000)]
    private static partial Regex ProductName();
}
