using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Reads one service, key by key.</summary>
internal static partial class ServiceReader
{
    private static readonly KeySet s_applianceKeys = new(
        "service's x-appliance",
        ["probes", "ingress", "canary", "share-safe", "migration"],
        new Dictionary<string, string>(ApplianceKeys.Later)
        {
            ["data"] = "data belongs in a volume: volumes.NAME.x-appliance.data",
            ["migrations"] = "a service is one migration: write migration, with its timeout",
            ["requirements"] = "requirements belong in the top-level x-appliance: they are the whole release's",
            ["upgrade-from"] = "upgrade-from belongs in the top-level x-appliance: it is said of the whole release",
        },
        extensions: false
    );

    private static readonly KeySet s_loggingKeys = new("logging", ["driver", "options"]);
    private static readonly KeySet s_ulimitKeys = new("ulimit", ["soft", "hard"]);

    public static ServiceDraft Read(string name, Field field, ReadContext context)
    {
        if (!Names.IsMatch(name))
            field.ErrorAtKey(Names.Rule);

        var map = field.Map(ServiceKeys.All, "a service (a mapping with at least \"image\")");
        var image = map.Required("image", "which image the service runs");
        var security = new SecurityReader(name, context.Allowances);
        var host = security.Host(map);
        var networks = NetworkReader.OfService(map, host.Network);
        var ports = PortReader.Ports(map["ports"]);
        var mounts = new MountReader(name, context).Read(map);
        var dependsOn = Dependencies(map["depends_on"]);
        var secrets = FileReader.OfService(map["secrets"], "secret", "/run/secrets/");
        var configs = FileReader.OfService(map["configs"], "config", "/");
        var deploy = map["deploy"];
        var appliance = map["x-appliance"]?.Map(s_applianceKeys);
        var routes = IngressReader.Routes(appliance?["ingress"]);
        var shareSafe = MountReader.ShareSafe(appliance?["share-safe"]);

        var service = new ComposeService
        {
            Name = name,
            // A missing or bad one has been reported: then there will be no model, only further diagnostics.
            Image = Image(image)!,
            Command = Words(map.Nullable("command")),
            Entrypoint = Words(map.Nullable("entrypoint")),
            Environment = EnvironmentReader.Read(map, context),
            User = User(map["user"]),
            WorkingDirectory =
                map["working_dir"] is { } dir && dir.Name() is { } text ? WorkingDirectory(dir, text) : null,
            Hostname = HostName(map["hostname"]),
            DomainName = HostName(map["domainname"]),
            Ports = ports.Values(),
            Expose = PortReader.Expose(map["expose"]),
            Mounts = mounts.Values(),
            Secrets = secrets.Values(),
            Configs = configs.Values(),
            Networks = networks.Values(),
            ExtraHosts = NetworkReader.ExtraHosts(map["extra_hosts"]),
            Dns = NetworkReader.Dns(map["dns"]),
            DnsSearch = map["dns_search"]?.TextOrTexts() ?? [],
            DnsOptions = map["dns_opt"]?.Texts() ?? [],
            DependsOn = dependsOn.Values(),
            HealthCheck = HealthReader.HealthCheck(map["healthcheck"]),
            Probes = ProbeReader.Probes(appliance?["probes"]),
            Ingress = routes.Values(),
            Canary = IngressReader.Canary(appliance?["canary"]),
            ShareSafe = shareSafe.Values(),
            Migration = DataReader.Migration(appliance?["migration"]),
            Restart = Restart(map["restart"]),
            Deploy = DeployReader.Read(deploy, map),
            Labels = EnvironmentReader.Labels(map["labels"]),
            CapAdd = security.CapAdd(map["cap_add"]),
            CapDrop = SecurityReader.CapDrop(map["cap_drop"]),
            SecurityOptions = security.Options(map["security_opt"]),
            Groups = [.. map["group_add"]?.Items().Select(g => g.TextOrNumber()).OfType<string>() ?? []],
            Host = host,
            ReadOnly = map["read_only"]?.Bool() ?? false,
            Init = map["init"]?.Bool(),
            Ulimits = Ulimits(map["ulimits"]),
            Sysctls = SecurityReader.Sysctls(map["sysctls"]),
            SharedMemoryBytes = map["shm_size"]?.Bytes(),
            StopSignal = StopSignal(map["stop_signal"]),
            StopGracePeriod = map["stop_grace_period"]?.Duration() ?? TimeSpan.FromSeconds(10),
            Logging = Logging(map["logging"]),
            Profiles = Profiles(map["profiles"]),
        };

        return new(field, service)
        {
            Ports = ports,
            Mounts = mounts,
            Networks = networks,
            DependsOn = dependsOn,
            Secrets = secrets,
            Configs = configs,
            Routes = routes,
            ShareSafe = shareSafe,
            Ingress = appliance?["ingress"],
            Canary = appliance?["canary"],
            Migration = appliance?["migration"],
            Replicas = deploy?.Child("replicas"),
            UpdateOrder = deploy?.Child("update_config")?.Child("order"),
        };
    }

    private static ImageReference? Image(Field? field)
    {
        if (field?.Name() is not { } text)
            return null;

        var image = ImageReference.TryParse(text);
        if (image is null)
            field.Error(
                $"\"{Field.Shorten(text)}\" is not an image's name: [registry/]repository[:tag][@sha256:...], the repository in lower case"
            );
        else if (image.Digest is null && image.Tag == "latest")
            field.Warn("\"latest\" is whatever it was on the day of the build; name a version");
        return image;
    }

    private static IReadOnlyList<string>? Words(Field? field)
    {
        if (field is null)
            return null;
        if (!field.IsScalar)
            return [.. field.Items("a string or a list of strings").Select(i => i.Text()).OfType<string>()];
        if (field.Text() is not { } text)
            return null;

        var (words, error) = ShellWords.Split(text);
        if (error is not null)
            field.Error(error);
        return words;
    }

    private static string? WorkingDirectory(Field field, string text)
    {
        if (text.StartsWith('/'))
            return text;
        field.Error($"\"{Field.Shorten(text)}\" is not an absolute path inside the container");
        return null;
    }

    private static string? HostName(Field? field)
    {
        if (field?.TextOrNumber() is not { } text)
            return null;
        if (Names.IsHostName(text))
            return text;
        field.Error(
            $"\"{Field.Shorten(text)}\" is not a host name: letters, digits, \"-\" and \".\", at most 63 between dots"
        );
        return null;
    }

    private static List<Placed<Dependency>> Dependencies(Field? field)
    {
        var result = new List<Placed<Dependency>>();
        if (field is { IsMap: true })
        {
            foreach (var (service, value) in field.Entries())
            {
                var map = value.Map(s_dependencyKeys);
                var condition = map.Required("condition", string.Join(", ", s_conditions.Keys))?.OneOf(s_conditions);
                result.Add(new(new(service, condition ?? DependencyCondition.Started), value));
            }

            return result;
        }

        foreach (var item in field?.Items("a list of services, or a mapping of service to condition") ?? [])
        {
            if (item.Name() is not { } service)
                continue;
            if (result.Any(r => r.Value.Service == service))
                item.Error($"\"{service}\" is listed twice");
            else
                result.Add(new(new(service, DependencyCondition.Started), item));
        }

        return result;
    }

    private static RestartPolicy Restart(Field? field)
    {
        if (field is null)
            return RestartPolicy.Undeclared;
        if (field.Node is Yaml.ScalarNode { Kind: Yaml.ScalarKind.Boolean })
        {
            field.Error("must be a string; put it in quotes: \"no\", \"always\", \"on-failure\" or \"unless-stopped\"");
            return RestartPolicy.Undeclared;
        }

        if (field.Name() is not { } text)
            return RestartPolicy.Undeclared;

        var (word, count) = text.Split(':', 2) is [var w, var c] ? (w, c) : (text, null);
        var retries = 0;
        if (
            s_restarts.TryGetValue(word, out var kind)
            && (count is null || (kind == RestartKind.OnFailure && int.TryParse(count, out retries) && retries > 0))
        )
            return new(kind, count is null ? null : retries, Declared: true);

        field.Error(
            $"\"{Field.Shorten(text)}\" is not one of no, always, on-failure, on-failure:N, unless-stopped{Spelling.DidYouMean(word, s_restarts.Keys)}"
        );
        return RestartPolicy.Undeclared;
    }

    private static List<Ulimit> Ulimits(Field? field)
    {
        var limits = new List<Ulimit>();
        foreach (var (name, value) in field?.Entries() ?? [])
        {
            if (!s_ulimits.Contains(name))
                value.ErrorAtKey(
                    $"\"{Field.Shorten(name)}\" is not a limit{Spelling.DidYouMean(name, s_ulimits)}; known are: {string.Join(", ", s_ulimits)}"
                );

            var map = value.IsMap ? value.Map(s_ulimitKeys) : null;
            var soft = map is null ? value.Long(-1) : map.Required("soft", "the soft limit")?.Long(-1);
            var hard = map is null ? soft : map.Required("hard", "the hard limit")?.Long(-1);
            if (soft is not { } s || hard is not { } h)
                continue;
            if (h >= 0 && (s > h || s < 0))
                value.Error($"the soft limit ({s}) is above the hard one ({h})");
            limits.Add(new(name, s, h));
        }

        return limits;
    }

    private static string? User(Field? field)
    {
        if (field?.Name() is not { } text)
            return null;
        if (text.Split(':') is { Length: <= 2 } parts && parts.All(IsUserOrGroup))
            return text;
        field.Error(
            $"\"{Field.Shorten(text)}\" is not a user, or a user and a group: names or numbers, like \"1000:1000\""
        );
        return null;
    }

    // Numbers as the engine bounds them.
    private static bool IsUserOrGroup(string text) =>
        text.All(char.IsAsciiDigit)
            ? int.TryParse(text, System.Globalization.NumberStyles.None, null, out _)
            : UserNames().IsMatch(text);

    private static string? StopSignal(Field? field)
    {
        if (field?.TextOrNumber() is not { } text)
            return null;
        if (Signals.IsSignal(text))
            return text;
        field.Error($"\"{Field.Shorten(text)}\" is not a signal, like SIGTERM or 15");
        return null;
    }

    private static Logging? Logging(Field? field)
    {
        if (field is null)
            return null;

        var map = field.Map(s_loggingKeys);
        var driver = map["driver"] is { } d ? (Field: d, Text: d.Name()) : default;
        if (driver.Text is not null && !s_readableLogs.Contains(driver.Text))
            driver.Field.Error(
                $"the logs of driver \"{Field.Shorten(driver.Text)}\" cannot be read back; use one of {string.Join(", ", s_readableLogs)}, and let the agent ship them"
            );
        return new(driver.Text, EnvironmentReader.Options(map["options"]));
    }

    private static List<string> Profiles(Field? field)
    {
        var profiles = new List<string>();
        foreach (var item in field?.Items("a list of profiles") ?? [])
        {
            if (item.TextOrNumber() is not { } text)
                continue;
            if (Names.IsMatch(text))
                profiles.Add(text);
            else
                item.Error(Names.Rule);
        }

        return profiles;
    }

    private static readonly KeySet s_dependencyKeys = new(
        "dependency",
        ["condition"],
        new Dictionary<string, string>
        {
            ["restart"] =
                "restart is not supported here: a service is not restarted because its dependency was; let it reconnect",
            ["required"] = "required is not supported: every dependency is; remove the key, or the dependency",
        }
    );

    private static readonly Dictionary<string, DependencyCondition> s_conditions = new()
    {
        ["service_started"] = DependencyCondition.Started,
        ["service_healthy"] = DependencyCondition.Healthy,
        ["service_completed_successfully"] = DependencyCondition.CompletedSuccessfully,
    };

    private static readonly Dictionary<string, RestartKind> s_restarts = new()
    {
        ["no"] = RestartKind.No,
        ["always"] = RestartKind.Always,
        ["on-failure"] = RestartKind.OnFailure,
        ["unless-stopped"] = RestartKind.UnlessStopped,
    };

    // setrlimit(2), without the prefix.
    private static readonly string[] s_ulimits =
    [
        "as",
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];

    // The engine serves no logs of other drivers, so "services logs" would show nothing.
    private static readonly string[] s_readableLogs = ["json-file", "local", "journald"];

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?\z", RegexOptions.None, 1000)]
    private static partial Regex UserNames();
}
