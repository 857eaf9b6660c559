namespace Appliance.Bundles.Compose.Reading;

/// <summary><c>deploy</c>, and the older keys of a service that mean the same limits.</summary>
internal static class DeployReader
{
    private static readonly KeySet s_keys = new(
        "deploy",
        ["mode", "replicas", "resources", "update_config", "rollback_config", "labels"],
        new Dictionary<string, string>
        {
            ["restart_policy"] =
                "restart_policy is not supported; use the service's \"restart\", which the agent carries out",
            ["placement"] = "placement has no use on a single machine; remove it",
            ["endpoint_mode"] = "endpoint_mode is not supported; services reach each other by name",
        }
    );

    private static readonly KeySet s_resourceKeys = new("deploy.resources", ["limits", "reservations"]);
    private static readonly KeySet s_limitKeys = new("limits", ["cpus", "memory", "pids"]);

    private static readonly KeySet s_reservationKeys = new(
        "reservations",
        ["cpus", "memory"],
        new Dictionary<string, string>
        {
            ["devices"] = "devices are not supported: a container gets no devices of the host",
            ["generic_resources"] = "generic_resources are not supported",
        }
    );

    private static readonly KeySet s_policyKeys = new(
        "update policy",
        ["parallelism", "delay", "failure_action", "monitor", "max_failure_ratio", "order"]
    );

    private static readonly Dictionary<string, bool> s_modes = new() { ["replicated"] = true };

    private static readonly Dictionary<string, UpdateOrder> s_orders = new()
    {
        ["stop-first"] = UpdateOrder.StopFirst,
        ["start-first"] = UpdateOrder.StartFirst,
    };

    private static readonly Dictionary<string, FailureAction> s_updateActions = new()
    {
        ["pause"] = FailureAction.Pause,
        ["continue"] = FailureAction.Continue,
        ["rollback"] = FailureAction.Rollback,
    };

    private static readonly Dictionary<string, FailureAction> s_rollbackActions = new()
    {
        ["pause"] = FailureAction.Pause,
        ["continue"] = FailureAction.Continue,
    };

    public static Deploy Read(Field? field, MapReader service)
    {
        var map = field?.Map(s_keys);
        if (map?["mode"] is { } mode && mode.TextOrNumber() is "global" or "replicated-job" or "global-job")
            mode.Error("only \"replicated\" is supported: an appliance is a single machine");
        else
            map?["mode"]?.OneOf(s_modes);

        var resources = map?["resources"]?.Map(s_resourceKeys);
        return new(
            map?["replicas"]?.Int(0, 100) ?? 1,
            Limits(resources?["limits"]?.Map(s_limitKeys), service),
            Reservations(resources?["reservations"]?.Map(s_reservationKeys), service),
            Policy(map?["update_config"], s_updateActions),
            Policy(map?["rollback_config"], s_rollbackActions),
            EnvironmentReader.Labels(map?["labels"])
        );
    }

    private static Resources Limits(MapReader? map, MapReader service) =>
        new(
            Cpus(Either(map, "cpus", service, "cpus")),
            Memory(Either(map, "memory", service, "mem_limit")),
            Pids(Either(map, "pids", service, "pids_limit"))
        );

    private static Resources Reservations(MapReader? map, MapReader service) =>
        new(Cpus(map?["cpus"]), Memory(Either(map, "memory", service, "mem_reservation")), null);

    // The older key of the service is the same limit by another name, so only one of them may be given.
    private static Field? Either(MapReader? map, string key, MapReader service, string olderKey)
    {
        if (map?[key] is not { } field)
            return service[olderKey];
        service[olderKey]?.ErrorAtKey($"the same is given by {field.Path}; remove one of them");
        return field;
    }

    private static decimal? Cpus(Field? field) => field?.Decimal(0.001m, 1024);

    private static long? Memory(Field? field)
    {
        var bytes = field?.Bytes();
        if (bytes is null or >= 6 * 1024 * 1024)
            return bytes;
        field!.Error("less than 6m, below which the engine starts no container");
        return null;
    }

    // Docker writes "no limit" as -1 or 0.
    private static long? Pids(Field? field) => field?.Long(-1) is { } pids and > 0 ? pids : null;

    private static UpdatePolicy Policy(Field? field, Dictionary<string, FailureAction> actions)
    {
        if (field is null)
            return UpdatePolicy.Default;

        var map = field.Map(s_policyKeys);
        var normal = UpdatePolicy.Default;
        return new(
            map["parallelism"]?.Int(0, 100) ?? normal.Parallelism,
            map["delay"]?.Duration() ?? normal.Delay,
            Action(map["failure_action"], actions) ?? normal.FailureAction,
            map["monitor"]?.Duration() ?? normal.Monitor,
            Ratio(map["max_failure_ratio"]) ?? normal.MaxFailureRatio,
            map["order"]?.OneOf(s_orders) ?? normal.Order
        );
    }

    // A release is one, and goes back as one. That Swarm would wait for somebody ("pause") is its default, and no wish.
    private static FailureAction? Action(Field? field, Dictionary<string, FailureAction> actions)
    {
        var action = field?.OneOf(actions);
        if (action is FailureAction.Continue)
            field!.Warn("an appliance does not go on with a release that is not well: it goes back to the one before");
        return action;
    }

    private static decimal? Ratio(Field? field)
    {
        var ratio = field?.Decimal(0, 1);
        if (ratio > 0)
            field!.Warn("an appliance waits for every replica to be well: none may fail");
        return ratio;
    }
}
