namespace Appliance.Bundles.Compose;

/// <summary>What a reader of Compose files is told from outside. The process environment is never consulted.</summary>
public sealed record ComposeOptions
{
    public static ComposeOptions Default { get; } = new();

    /// <summary>Values for interpolation; they win over those of the <c>.env</c> file beside the Compose file.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = Empty.Strings;

    /// <summary>What the release may do beyond the ordinary.</summary>
    public Allowances Allowances { get; init; } = Allowances.None;
}

/// <summary>
/// Exceptions from what a release may not do, by service and by name: <c>privileged: true</c>, <c>pid: host</c>,
/// <c>ipc: host</c>, <c>network_mode: host</c>, <c>userns_mode: host</c>, <c>cap_add: SYS_ADMIN</c>,
/// <c>security_opt: seccomp=unconfined</c>, <c>bind: /var/run/docker.sock</c>. The message that refuses something
/// says the name. Who makes one vouches for it: they come from signed metadata only.
/// </summary>
public sealed record Allowances(IReadOnlyDictionary<string, IReadOnlySet<string>> ByService)
{
    /// <summary>No exception.</summary>
    public static Allowances None { get; } = new(new Dictionary<string, IReadOnlySet<string>>());

    /// <summary>Volumes are not a service's: those that bind a host path are allowed under this name.</summary>
    public const string Volumes = "volumes";

    public bool Allow(string service, string what) =>
        ByService.TryGetValue(service, out var allowed) && allowed.Contains(what);
}
