namespace Appliance.Bundles.Compose;

public enum DependencyCondition
{
    Started,
    Healthy,
    CompletedSuccessfully,
}

public sealed record Dependency(string Service, DependencyCondition Condition);

public enum RestartKind
{
    No,
    Always,
    OnFailure,
    UnlessStopped,
}

/// <param name="MaxRetries">Only with <see cref="RestartKind.OnFailure"/>; null: no limit.</param>
/// <param name="Declared">The file says so. When false, <paramref name="Kind"/> is Compose's default (no).</param>
public sealed record RestartPolicy(RestartKind Kind, int? MaxRetries, bool Declared)
{
    public static RestartPolicy Undeclared { get; } = new(RestartKind.No, null, false);
}

/// <summary>Docker's health check. Durations that are null are the image's, or else the engine's defaults.</summary>
/// <param name="Test">
/// In the engine's form: <c>CMD</c> and arguments, <c>CMD-SHELL</c> and a line, or <c>NONE</c>, which switches the
/// image's check off. Empty: the image's test, with the other values changed.
/// </param>
public sealed record HealthCheck(
    IReadOnlyList<string> Test,
    TimeSpan? Interval,
    TimeSpan? Timeout,
    int? Retries,
    TimeSpan? StartPeriod,
    TimeSpan? StartInterval
)
{
    /// <summary>The image's health check is switched off.</summary>
    public bool Disabled => Test is ["NONE"];
}

/// <summary>What the answers of a probe decide. A probe may have several roles.</summary>
[Flags]
public enum ProbeRole
{
    /// <summary>
    /// When the service has started: until the probe has succeeded once, those without this role are not asked. If it
    /// does not succeed in its time, the service is unhealthy.
    /// </summary>
    Startup = 1,

    /// <summary>Whether the service counts as ready and is sent requests. A failure never restarts it.</summary>
    Readiness = 2,

    /// <summary>Whether the service is to be restarted.</summary>
    Liveness = 4,
}

/// <summary>A check that the agent makes itself.</summary>
public abstract record Probe(ProbeTiming Timing)
{
    /// <summary>What a probe decides that does not say it.</summary>
    public const ProbeRole DefaultRole = ProbeRole.Readiness | ProbeRole.Liveness;

    /// <summary>What it decides; never nothing.</summary>
    public ProbeRole Role { get; init; } = DefaultRole;
}

/// <summary>When a probe runs, and how many answers change the verdict.</summary>
/// <param name="Interval">From the start of one check to the start of the next. Default 10 s.</param>
/// <param name="Timeout">At most <paramref name="Interval"/>. Default 3 s.</param>
/// <param name="StartPeriod">After a start, failures within this time do not count. Default 0.</param>
/// <param name="HealthyAfter">Successes in a row that make it healthy. Default 1.</param>
/// <param name="UnhealthyAfter">Failures in a row that make it unhealthy. Default 3.</param>
public sealed record ProbeTiming(
    TimeSpan Interval,
    TimeSpan Timeout,
    TimeSpan StartPeriod,
    int HealthyAfter,
    int UnhealthyAfter
)
{
    public static ProbeTiming Default { get; } =
        new(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(3), TimeSpan.Zero, 1, 3);
}

/// <summary>A GET on the container's address succeeds.</summary>
/// <param name="Scheme"><c>http</c>, or <c>https</c> (whose certificate is not verified: it is the container's own).</param>
/// <param name="Path">Starts with <c>/</c>; may have a query.</param>
/// <param name="Statuses">Status codes that count as success. Default 200-399.</param>
/// <param name="Contains">Text that the body must contain; null: any body.</param>
/// <param name="Headers">Headers of the request.</param>
public sealed record HttpProbe(
    int Port,
    string Path,
    string Scheme,
    IReadOnlyList<StatusRange> Statuses,
    string? Contains,
    IReadOnlyDictionary<string, string> Headers,
    ProbeTiming Timing
) : Probe(Timing)
{
    /// <summary>
    /// Headers that the response must have, each with text that its value must contain; an empty text asks for the header
    /// only. Names differ in more than their case.
    /// </summary>
    public IReadOnlyDictionary<string, string> ExpectedHeaders { get; init; } = Empty.Strings;

    /// <summary>
    /// For how long the certificate that is served must still be good; null: its dates are not looked at. Only with
    /// <c>https</c>.
    /// </summary>
    public TimeSpan? CertificateValidFor { get; init; }
}

/// <summary>Both ends are included.</summary>
public sealed record StatusRange(int First, int Last)
{
    public bool Includes(int status) => status >= First && status <= Last;

    /// <summary><c>200</c> or <c>200-399</c>.</summary>
    public override string ToString() => First == Last ? $"{First}" : $"{First}-{Last}";
}

/// <summary>A TCP connection to the container's address is accepted.</summary>
public sealed record TcpProbe(int Port, ProbeTiming Timing) : Probe(Timing);

/// <summary>A command inside the container exits with 0.</summary>
public sealed record ExecProbe(IReadOnlyList<string> Command, ProbeTiming Timing) : Probe(Timing);

/// <summary>The container's <c>grpc.health.v1.Health</c> answers <c>SERVING</c>.</summary>
/// <param name="Service">The gRPC service that is asked for; null: the server as a whole.</param>
/// <param name="Tls">Over TLS (the certificate is not verified: it is the container's own); else HTTP/2 without it.</param>
public sealed record GrpcProbe(int Port, string? Service, bool Tls, ProbeTiming Timing) : Probe(Timing);
