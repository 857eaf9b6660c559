using System.Text.Json;
using Appliance.Agent.Content;

namespace Appliance.Agent.Supervision;

internal enum ServiceChange
{
    /// <summary>Its containers run on as they are.</summary>
    Untouched,
    Added,
    Changed,
    Removed,
}

/// <summary>What becomes of a service on the way from one release to another.</summary>
/// <param name="Reasons">What differs, as <c>image a -> b</c>, <c>environment</c>, <c>ports</c>.</param>
internal sealed record ServiceDifference(string Service, ServiceChange Change, IReadOnlyList<string> Reasons)
{
    /// <summary>Why requests of other services may be lost on the way; null: none are.</summary>
    public string? Gap { get; init; }

    /// <summary>Whether for a while nothing of it runs.</summary>
    public bool Interrupts { get; init; }
}

/// <summary>Compares releases by what would change on an engine. Pure.</summary>
internal static class ReleaseDifference
{
    private const string Probes = "probes";

    // What a container is made from, in the engine's words and in those of a Compose file.
    private static readonly Dictionary<string, string> Terms = new()
    {
        ["Cmd"] = "command",
        ["Entrypoint"] = "entrypoint",
        ["Env"] = "environment",
        ["ExposedPorts"] = "ports",
        ["PortBindings"] = "ports",
        ["Labels"] = "labels",
        ["User"] = "user",
        ["WorkingDir"] = "working directory",
        ["Hostname"] = "host name",
        ["Domainname"] = "host name",
        ["Healthcheck"] = "health check",
        ["StopSignal"] = "stop signal",
        ["StopTimeout"] = "stop grace period",
        ["NetworkingConfig"] = "networks",
        ["NetworkMode"] = "networks",
        ["Binds"] = "volumes",
        ["Tmpfs"] = "volumes",
        ["Memory"] = "resources",
        ["MemoryReservation"] = "resources",
        ["NanoCpus"] = "resources",
        ["PidsLimit"] = "resources",
        ["ShmSize"] = "resources",
        ["Ulimits"] = "resources",
        ["CapAdd"] = "capabilities",
        ["CapDrop"] = "capabilities",
        ["LogConfig"] = "logging",
        ["ExtraHosts"] = "extra hosts",
        ["Dns"] = "dns",
        ["DnsSearch"] = "dns",
        ["DnsOptions"] = "dns",
        ["Sysctls"] = "sysctls",
    };

    /// <param name="from">Null: nothing runs yet.</param>
    /// <param name="isReturn">See <see cref="RunningRelease.IsReturn"/>.</param>
    /// <returns>
    /// In the order of <paramref name="to"/>, then what is removed; but what holds something of the host that another
    /// needs comes right before that.
    /// </returns>
    public static IReadOnlyList<ServiceDifference> Between(Release? from, Release to, bool isReturn = false) =>
        Between(from is null ? null : Describe(from, isReturn), Describe(to, isReturn));

    public static IReadOnlyList<ServiceDifference> Between(DesiredState? from, DesiredState to)
    {
        IReadOnlyList<ServiceDifference> all =
        [
            .. to.Services.Select(s => Of(s, from, to)),
            .. (from?.Services ?? [])
                .Where(s => to.Service(s.Name) is null)
                .Select(s => new ServiceDifference(s.Name, ServiceChange.Removed, [])),
        ];
        return from is null ? all : DependencyOrder.Of(all, d => d.Service, d => NeedsFirst(d, all, from, to));
    }

    /// <summary>What has to be switched before, because what it was made of holds what this one is to have.</summary>
    private static IEnumerable<string> NeedsFirst(
        ServiceDifference next,
        IReadOnlyList<ServiceDifference> all,
        DesiredState from,
        DesiredState to
    ) =>
        next.Change is ServiceChange.Added or ServiceChange.Changed && to.Service(next.Service) is { } wanted
            ? all.Where(d => d.Change is ServiceChange.Changed or ServiceChange.Removed && d.Service != next.Service)
                .Where(d => GivesUp(from.Service(d.Service), to.Service(d.Service)).Overlaps(wanted.Claims))
                .Select(d => d.Service)
            : [];

    private static HashSet<string> GivesUp(DesiredService? before, DesiredService? after) =>
        [.. (before?.Claims ?? new HashSet<string>()).Except(after?.Claims ?? new HashSet<string>())];

    // Wherever the agent keeps its files: their names say what is in them.
    private static DesiredState Describe(Release release, bool isReturn) =>
        DesiredStateBuilder.Build(release, MountedFiles.NameOf, isReturn);

    /// <summary>Whether it is asked by other probes than before, and so has to prove itself, touched or not.</summary>
    public static bool IsProbedAnew(ServiceDifference difference) => difference.Reasons.Contains(Probes);

    /// <summary>Whether anything about a service is not as it was: what was known of it may no longer be so.</summary>
    public static bool IsAny(DesiredService before, DesiredService after) => Reasons(before, after).Any();

    private static ServiceDifference Of(DesiredService service, DesiredState? from, DesiredState to)
    {
        if (from?.Service(service.Name) is not { } before)
            return new(service.Name, ServiceChange.Added, []);
        var reasons = Reasons(before, service).Distinct().ToList();
        var networks = service
            .Attachments.Where(a => ChangedBetween(from, to, a.Network))
            .Select(a => $"settings of network {a.Network}");
        reasons.AddRange(networks);
        // What it begins to reach through a listener its containers learn when they are made anew for another reason.
        var lost = before.Reaches.Where(r => !service.Reaches.Any(now => now.Entry == r.Entry)).ToList();
        reasons.AddRange(lost.Select(r => $"internal listener of {r.Service}"));
        // Probes, restart rules and dependencies are the agent's: no container feels their change.
        var untouched =
            before.ConfigHash == service.ConfigHash
            && lost.Count == 0
            && before.Replicas == service.Replicas
            && !service.Attachments.Any(a => ChangedBetween(from, to, a.Network));
        return untouched
            ? new(service.Name, ServiceChange.Untouched, reasons)
            : new(service.Name, ServiceChange.Changed, reasons)
            {
                Gap = service.Gap,
                Interrupts = Interrupts(before, service),
            };
    }

    // What ends for good, or is new, is no interruption; nor is it one where another replica runs on meanwhile.
    private static bool Interrupts(DesiredService before, DesiredService after)
    {
        if (before.IsMeantToEnd || before.Replicas == 0 || after.Replicas == 0)
            return false;
        var atOnce = after.Exchange.Parallelism == 0 ? before.Replicas : after.Exchange.Parallelism;
        var isBeside =
            after.Exchange.StartFirst && !before.Claims.Except(after.SharedClaims).Any(after.Claims.Contains);
        return !isBeside && atOnce >= before.Replicas;
    }

    private static bool ChangedBetween(DesiredState from, DesiredState to, string network) =>
        from.Networks.TryGetValue(network, out var before) && before.ConfigHash != to.Networks[network].ConfigHash;

    private static IEnumerable<string> Reasons(DesiredService before, DesiredService after)
    {
        if (before.ImageId != after.ImageId)
            yield return before.Image == after.Image
                ? $"image {after.Image} ({Short(before.ImageId)} -> {Short(after.ImageId)})"
                : $"image {before.Image} -> {after.Image}";
        using var old = JsonDocument.Parse(before.Spec.ToJson());
        using var now = JsonDocument.Parse(after.Spec.ToJson());
        foreach (var reason in Reasons(old.RootElement, now.RootElement))
            yield return reason;
        if (!Same(before.Attachments, after.Attachments, Alike))
            yield return "networks";
        if (before.Replicas != after.Replicas)
            yield return $"replicas {before.Replicas} -> {after.Replicas}";
        if (!ProbesAlike.Are(before.Probes, after.Probes))
            yield return Probes;
        if ((before.Restart, before.RestartPolicy) != (after.Restart, after.RestartPolicy))
            yield return "restart policy";
        if (!before.DependsOn.SequenceEqual(after.DependsOn))
            yield return "dependencies";
    }

    private static IEnumerable<string> Reasons(JsonElement before, JsonElement after)
    {
        foreach (var name in NamesOf(before).Union(NamesOf(after)))
        {
            var (old, now) = (Member(before, name), Member(after, name));
            if (name is "Image" || Same(old, now))
                continue;
            if (name is "HostConfig" && old is { } a && now is { } b)
            {
                foreach (var reason in Reasons(a, b))
                    yield return reason;
            }
            else if (name is "Mounts")
            {
                if (!Mounts(old, isVolume: true).SetEquals(Mounts(now, isVolume: true)))
                    yield return "volumes";
                if (!Mounts(old, isVolume: false).SetEquals(Mounts(now, isVolume: false)))
                    yield return "mounted files";
            }
            else
                yield return Terms.GetValueOrDefault(name, name);
        }
    }

    // Secrets and configs are bound into a container, from a path that their content is a part of.
    private static HashSet<string> Mounts(JsonElement? mounts, bool isVolume) =>
        [
            .. (mounts?.EnumerateArray() ?? default)
                .Where(m => m.GetProperty("Type").ValueEquals("volume") == isVolume)
                .Select(m => m.GetRawText()),
        ];

    private static IEnumerable<string> NamesOf(JsonElement element) => element.EnumerateObject().Select(p => p.Name);

    private static JsonElement? Member(JsonElement element, string name) =>
        element.TryGetProperty(name, out var member) && member.ValueKind is not JsonValueKind.Null ? member : null;

    private static bool Same(JsonElement? a, JsonElement? b) =>
        a is { } x && b is { } y ? JsonElement.DeepEquals(x, y) : a is null && b is null;

    private static bool Same<T>(IReadOnlyList<T> a, IReadOnlyList<T> b, Func<T, T, bool> alike) =>
        a.Count == b.Count && a.Zip(b).All(p => alike(p.First, p.Second));

    // Records compare their lists by reference.
    private static bool Alike(Attachment a, Attachment b) =>
        (a.Network, a.Ipv4Address, a.Ipv6Address) == (b.Network, b.Ipv4Address, b.Ipv6Address)
        && a.Aliases.SequenceEqual(b.Aliases);

    private static string Short(string id) => id["sha256:".Length..][..12];
}
