using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Rendering;

internal static class CanonicalProbe
{
    public static CanonicalNode Of(Probe probe)
    {
        var map = probe switch
        {
            HttpProbe http => new CanonicalMap().Add("http", Http(http)),
            TcpProbe tcp => new CanonicalMap().Add("tcp", new CanonicalMap().Add("port", tcp.Port).ToNode()),
            ExecProbe exec => new CanonicalMap().Add(
                "exec",
                new CanonicalMap().AddList("command", exec.Command).ToNode()
            ),
            GrpcProbe grpc => new CanonicalMap().Add(
                "grpc",
                new CanonicalMap().Add("port", grpc.Port).Add("service", grpc.Service).Add("tls", grpc.Tls).ToNode()
            ),
            _ => throw new InvalidOperationException($"{probe.GetType()} is no probe"),
        };
        return map.Add("interval", Durations.Format(probe.Timing.Interval))
            .Add("timeout", Durations.Format(probe.Timing.Timeout))
            .Add("start-period", Durations.Format(probe.Timing.StartPeriod))
            .Add("healthy-after", probe.Timing.HealthyAfter)
            .Add("unhealthy-after", probe.Timing.UnhealthyAfter)
            .AddNonEmpty("role", Roles(probe.Role))
            .ToNode();
    }

    private static IReadOnlyList<string> Roles(ProbeRole role) =>
        role == Probe.DefaultRole ? [] : [.. ProbeReader.Roles.Where(r => role.HasFlag(r.Value)).Select(r => r.Key)];

    private static CanonicalNode Http(HttpProbe http) =>
        new CanonicalMap()
            .Add("port", http.Port)
            .Add("path", http.Path)
            .Add("scheme", http.Scheme)
            .Add("status", string.Join(',', http.Statuses))
            .Add("contains", http.Contains)
            .AddNonEmpty("headers", http.Headers)
            .AddNonEmpty("expect-headers", http.ExpectedHeaders)
            .Add("certificate-valid-for", http.CertificateValidFor is { } validFor ? Durations.Format(validFor) : null)
            .ToNode();
}
