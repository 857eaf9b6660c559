using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>What a service says of the agent's probes beyond the plain ones.</summary>
public sealed class ProbeTests
{
    public static TheoryData<string, string> GoodForms =>
        new()
        {
            {
                "x-appliance: {probes: [{grpc: {port: 9000}}]}",
                "x-appliance:\n  probes:\n    - grpc:\n        port: 9000\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
            {
                "x-appliance: {probes: [{grpc: {port: 9000, service: shop.v1.Orders, tls: true}}]}",
                "x-appliance:\n  probes:\n    - grpc:\n        port: 9000\n        service: shop.v1.Orders\n        tls: true\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
            {
                "x-appliance: {probes: [{grpc: {port: 9000, tls: false}, interval: 2s}]}",
                "x-appliance:\n  probes:\n    - grpc:\n        port: 9000\n      interval: 2s\n      timeout: 2s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
            {
                "x-appliance: {probes: [{http: {port: 80, scheme: https, certificate-valid-for: 7d}}]}",
                "x-appliance:\n  probes:\n    - http:\n        port: 80\n        path: /\n        scheme: https\n        status: \"200-399\"\n        certificate-valid-for: 168h\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
            {
                "x-appliance: {probes: [{http: {port: 80, scheme: https, certificate-valid-for: 1d12h30m}}]}",
                "x-appliance:\n  probes:\n    - http:\n        port: 80\n        path: /\n        scheme: https\n        status: \"200-399\"\n        certificate-valid-for: 36h30m\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
            {
                "x-appliance: {probes: [{http: {port: 80, expect-headers: {X-Ready: \"yes\", Content-Type: json, X-Any: \"\", X-N: 1}}}]}",
                "x-appliance:\n  probes:\n    - http:\n        port: 80\n        path: /\n        scheme: http\n        status: \"200-399\"\n        expect-headers:\n          X-Ready: \"yes\"\n          Content-Type: json\n          X-Any: \"\"\n          X-N: \"1\"\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
            {
                "x-appliance: {probes: [{http: {port: 80, headers: {Host: a.b}, expect-headers: {A: $$b}}}]}",
                "x-appliance:\n  probes:\n    - http:\n        port: 80\n        path: /\n        scheme: http\n        status: \"200-399\"\n        headers:\n          Host: a.b\n        expect-headers:\n          A: \"$$b\"\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: startup}]}",
                "x-appliance:\n  probes:\n    - tcp:\n        port: 1\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3\n      role:\n        - startup"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: [liveness]}]}",
                "x-appliance:\n  probes:\n    - tcp:\n        port: 1\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3\n      role:\n        - liveness"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: readiness}]}",
                "x-appliance:\n  probes:\n    - tcp:\n        port: 1\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3\n      role:\n        - readiness"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: [liveness, startup]}]}",
                "x-appliance:\n  probes:\n    - tcp:\n        port: 1\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3\n      role:\n        - startup\n        - liveness"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: [startup, readiness, liveness]}]}",
                "x-appliance:\n  probes:\n    - tcp:\n        port: 1\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3\n      role:\n        - startup\n        - readiness\n        - liveness"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: [liveness, readiness]}]}",
                "x-appliance:\n  probes:\n    - tcp:\n        port: 1\n      interval: 10s\n      timeout: 3s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
        };

    [Theory]
    [MemberData(nameof(GoodForms))]
    public void A_good_form_is_understood(string keys, string canonical)
    {
        var model = Cases.Good(Cases.Service(keys));
        Assert.Equal(canonical, Cases.Canonical(model));
        RoundTrip.Check(model, Cases.NoFolder);
    }

    public static TheoryData<string, string> BadForms =>
        new()
        {
            {
                "x-appliance: {probes: [{grpc: 80}]}",
                "5:35: error: services.web.x-appliance.probes[0].grpc: must be a mapping, not a number"
            },
            {
                "x-appliance: {probes: [{grpc: {}}]}",
                "5:29: error: services.web.x-appliance.probes[0].grpc: has no \"port\": the port inside the container"
            },
            {
                "x-appliance: {probes: [{grpc: {port: 0}}]}",
                "5:42: error: services.web.x-appliance.probes[0].grpc.port: \"0\" is not a whole number from 1 to 65535"
            },
            {
                "x-appliance: {probes: [{grpc: {port: 1, service: a b}}]}",
                "5:54: error: services.web.x-appliance.probes[0].grpc.service: \"a b\" is not the name of a gRPC service, like \"shop.v1.Orders\""
            },
            {
                "x-appliance: {probes: [{grpc: {port: 1, service: \"\"}}]}",
                "5:54: error: services.web.x-appliance.probes[0].grpc.service: must not be empty"
            },
            {
                "x-appliance: {probes: [{grpc: {port: 1, tls: on}}]}",
                "5:50: error: services.web.x-appliance.probes[0].grpc.tls: must be true or false, not a string"
            },
            {
                "x-appliance: {probes: [{grpc: {port: 1, path: /}}]}",
                "5:45: error: services.web.x-appliance.probes[0].grpc.path: unknown key in a grpc probe; known are: port, service, tls"
            },
            {
                "x-appliance: {probes: [{grpc: {port: 1}, tcp: {port: 1}}]}",
                "5:28: error: services.web.x-appliance.probes[0]: a probe has exactly one of http, tcp, exec and grpc"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, certificate-valid-for: 7d}}]}",
                "5:45: error: services.web.x-appliance.probes[0].http.certificate-valid-for: there is a certificate with \"scheme: https\" only"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, scheme: https, certificate-valid-for: 7}}]}",
                "5:83: error: services.web.x-appliance.probes[0].http.certificate-valid-for: \"7\" is not a duration with its unit, like 7d, 36h or 1d12h"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, scheme: https, certificate-valid-for: 0d}}]}",
                "5:83: error: services.web.x-appliance.probes[0].http.certificate-valid-for: must be longer than 0"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, scheme: https, certificate-valid-for: 4000d}}]}",
                "5:83: error: services.web.x-appliance.probes[0].http.certificate-valid-for: \"4000d\" is not a duration"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, interval: 1d}]}",
                "5:55: error: services.web.x-appliance.probes[0].interval: \"1d\" is not a duration with its unit, like 30s, 1m30s or 500ms"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, expect-headers: [a]}}]}",
                "5:61: error: services.web.x-appliance.probes[0].http.expect-headers: must be a mapping, not a list"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, expect-headers: {\"a b\": c}}}]}",
                "5:62: error: services.web.x-appliance.probes[0].http.expect-headers.a b: \"a b\" is not a header's name"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, expect-headers: {a: \"é\"}}}]}",
                "5:65: error: services.web.x-appliance.probes[0].http.expect-headers.a: a header's value is printable ASCII"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, expect-headers: {a: true}}}]}",
                "5:65: error: services.web.x-appliance.probes[0].http.expect-headers.a: must be a string, not a boolean"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, expect-headers: {Etag: a, ETag: b}}}]}",
                "5:71: error: services.web.x-appliance.probes[0].http.expect-headers.ETag: the header \"Etag\" is given twice"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: ready}]}",
                "5:51: error: services.web.x-appliance.probes[0].role: \"ready\" is not one of startup, readiness, liveness"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: [startup, livenes]}]}",
                "5:61: error: services.web.x-appliance.probes[0].role[1]: \"livenes\" is not one of startup, readiness, liveness; did you mean \"liveness\"?"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: [startup, startup]}]}",
                "5:61: error: services.web.x-appliance.probes[0].role[1]: \"startup\" is listed twice"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: []}]}",
                "5:51: error: services.web.x-appliance.probes[0].role: must name at least one of startup, readiness, liveness"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: {}}]}",
                "5:51: error: services.web.x-appliance.probes[0].role: must be a role or a list of roles, not a mapping"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, role: }]}",
                "5:45: error: services.web.x-appliance.probes[0].role: has no value"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1, role: startup}}]}",
                "5:44: error: services.web.x-appliance.probes[0].tcp.role: unknown key in a tcp probe; known are: port"
            },
        };

    [Theory]
    [MemberData(nameof(BadForms))]
    public void A_bad_form_is_reported_where_it_stands(string keys, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Cases.Findings(Cases.Parse(Cases.Service(keys)))));

    [Fact]
    public void A_probe_that_does_not_say_its_role_decides_readiness_and_liveness()
    {
        var probes = Probes("{tcp: {port: 1}}, {tcp: {port: 1}, role: [startup, liveness]}");
        Assert.Equal(ProbeRole.Readiness | ProbeRole.Liveness, probes[0].Role);
        Assert.Equal(ProbeRole.Startup | ProbeRole.Liveness, probes[1].Role);
    }

    [Fact]
    public void A_certificate_is_looked_at_only_where_the_release_says_so()
    {
        var probes = Probes(
            "{http: {port: 1, scheme: https}}, {http: {port: 1, scheme: https, certificate-valid-for: 1d1h}}"
        );
        Assert.Equal([null, TimeSpan.FromHours(25)], probes.Cast<HttpProbe>().Select(p => p.CertificateValidFor));
    }

    [Fact]
    public void Probes_of_one_service_can_be_of_every_kind_and_role() =>
        Assert.Equal(
            [typeof(HttpProbe), typeof(TcpProbe), typeof(ExecProbe), typeof(GrpcProbe)],
            Probes("{http: {port: 1}}, {tcp: {port: 1}, role: startup}, {exec: {command: [a]}}, {grpc: {port: 1}}")
                .Select(p => p.GetType())
        );

    private static IReadOnlyList<Probe> Probes(string list) =>
        Cases.Good(Cases.Service($"x-appliance: {{probes: [{list}]}}")).Services["web"].Probes;
}
