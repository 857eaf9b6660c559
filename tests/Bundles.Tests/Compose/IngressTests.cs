using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>What a service says of its ways from outside, and of a new version beside the old one.</summary>
public sealed class IngressTests
{
    private const string Head = "name: test\nservices:\n";

    public static TheoryData<string, string> GoodForms =>
        new()
        {
            {
                "x-appliance: {ingress: [8080]}",
                "x-appliance:\n  ingress:\n    - port: 8080\n      protocol: http\n      path: /"
            },
            { "x-appliance: {ingress: []}", "" },
            {
                "x-appliance: {ingress: [{port: \"8080\"}]}",
                "x-appliance:\n  ingress:\n    - port: 8080\n      protocol: http\n      path: /"
            },
            {
                "x-appliance: {ingress: [{port: 8080, host: Shop.Example.COM, path: /}]}",
                "x-appliance:\n  ingress:\n    - port: 8080\n      protocol: http\n      host: shop.example.com\n      path: /"
            },
            {
                "x-appliance: {ingress: [{port: 8443, protocol: https, host: \"*.Example.com\", path: /api/v1/}]}",
                "x-appliance:\n  ingress:\n    - port: 8443\n      protocol: https\n      host: \"*.example.com\"\n      path: /api/v1"
            },
            {
                "x-appliance: {ingress: [{port: 9000, protocol: h2c, path: \"/a%20b/$$x/~y'(z)\"}]}",
                "x-appliance:\n  ingress:\n    - port: 9000\n      protocol: h2c\n      path: \"/a%20b/$$x/~y'(z)\""
            },
            {
                "x-appliance: {ingress: [{port: 9000, protocol: grpc, path: /shop.v1.Orders}]}",
                "x-appliance:\n  ingress:\n    - port: 9000\n      protocol: h2c\n      path: /shop.v1.Orders"
            },
            {
                "x-appliance: {ingress: [{port: 5672, protocol: tcp, listen: 5671}]}",
                "x-appliance:\n  ingress:\n    - port: 5672\n      protocol: tcp\n      listen: 5671"
            },
            {
                "x-appliance: {ingress: [8080, {port: 8080, path: /api}, {port: 8080, host: a.b}, {port: 1, protocol: tcp, listen: 8080}]}",
                "x-appliance:\n  ingress:\n    - port: 8080\n      protocol: http\n      path: /\n    - port: 8080\n      protocol: http\n      path: /api\n    - port: 8080\n      protocol: http\n      host: a.b\n      path: /\n    - port: 1\n      protocol: tcp\n      listen: 8080"
            },
            {
                "ports: [8080]\nx-appliance: {ingress: [8080]}",
                "ports:\n  - target: 8080\n    protocol: tcp\nx-appliance:\n  ingress:\n    - port: 8080\n      protocol: http\n      path: /"
            },
            {
                "restart: on-failure\nx-appliance: {ingress: [8080]}",
                "restart: on-failure\nx-appliance:\n  ingress:\n    - port: 8080\n      protocol: http\n      path: /"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {}}",
                "deploy:\n  update_config:\n    parallelism: 1\n    delay: 0s\n    failure_action: pause\n    monitor: 5s\n    max_failure_ratio: 0\n    order: start-first\nx-appliance:\n  ingress:\n    - port: 80\n      protocol: http\n      path: /\n  canary:\n    weight: 10\n    duration: 5m\n    max-error-ratio: 0.01"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {weight: 25%, duration: 90s, max-error-ratio: 0.050}}",
                "deploy:\n  update_config:\n    parallelism: 1\n    delay: 0s\n    failure_action: pause\n    monitor: 5s\n    max_failure_ratio: 0\n    order: start-first\nx-appliance:\n  ingress:\n    - port: 80\n      protocol: http\n      path: /\n  canary:\n    weight: 25\n    duration: 1m30s\n    max-error-ratio: 0.05"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {weight: 50, max-error-ratio: 0}}",
                "deploy:\n  update_config:\n    parallelism: 1\n    delay: 0s\n    failure_action: pause\n    monitor: 5s\n    max_failure_ratio: 0\n    order: start-first\nx-appliance:\n  ingress:\n    - port: 80\n      protocol: http\n      path: /\n  canary:\n    weight: 50\n    duration: 5m\n    max-error-ratio: 0"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {weight: \"1%\", max-error-ratio: 1}}",
                "deploy:\n  update_config:\n    parallelism: 1\n    delay: 0s\n    failure_action: pause\n    monitor: 5s\n    max_failure_ratio: 0\n    order: start-first\nx-appliance:\n  ingress:\n    - port: 80\n      protocol: http\n      path: /\n  canary:\n    weight: 1\n    duration: 5m\n    max-error-ratio: 1"
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
                "x-appliance: {ingress: {}}",
                "5:28: error: services.web.x-appliance.ingress: must be a list of routes, like [8080] or [{port: 8080, path: /api}], not a mapping"
            },
            { "x-appliance: {ingress: }", "5:19: error: services.web.x-appliance.ingress: has no value" },
            {
                "x-appliance: {ingress: [0]}",
                "5:29: error: services.web.x-appliance.ingress[0]: \"0\" is not a whole number from 1 to 65535"
            },
            {
                "x-appliance: {ingress: [\"8080:80\"]}",
                "5:29: error: services.web.x-appliance.ingress[0]: \"8080:80\" is not a whole number from 1 to 65535"
            },
            {
                "x-appliance: {ingress: [[80]]}",
                "5:29: error: services.web.x-appliance.ingress[0]: must be a port, or a mapping with at least \"port\", not a list"
            },
            {
                "x-appliance: {ingress: [{path: /}]}",
                "5:29: error: services.web.x-appliance.ingress[0]: has no \"port\": the port inside the container"
            },
            {
                "x-appliance: {ingress: [{port: 65536}]}",
                "5:36: error: services.web.x-appliance.ingress[0].port: \"65536\" is not a whole number from 1 to 65535"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: htp}]}",
                "5:50: error: services.web.x-appliance.ingress[0].protocol: \"htp\" is not one of http, https, h2c, grpc, tcp; did you mean \"http\"?"
            },
            {
                "x-appliance: {ingress: [{port: 80, hosts: [a]}]}",
                "5:40: error: services.web.x-appliance.ingress[0].hosts: unknown key; did you mean \"host\"?"
            },
            {
                "x-appliance: {ingress: [{port: 80, tls: true}]}",
                "5:40: error: services.web.x-appliance.ingress[0].tls: HTTP routes are always served with TLS"
            },
            {
                "x-appliance: {ingress: [{port: 80, x-note: y}]}",
                "5:40: error: services.web.x-appliance.ingress[0].x-note: unknown key in a route; known are: host, listen, path, port, protocol"
            },
            {
                "x-appliance: {ingress: [{port: 80, host: \"*\"}]}",
                "5:46: error: services.web.x-appliance.ingress[0].host: \"*\" is not a host name, like \"shop.example.com\""
            },
            {
                "x-appliance: {ingress: [{port: 80, host: a.*.b}]}",
                "5:46: error: services.web.x-appliance.ingress[0].host: \"a.*.b\" is not a host name"
            },
            {
                "x-appliance: {ingress: [{port: 80, host: \"a.b:443\"}]}",
                "5:46: error: services.web.x-appliance.ingress[0].host: \"a.b:443\" is not a host name"
            },
            {
                "x-appliance: {ingress: [{port: 80, host: \"müller.example\"}]}",
                "5:46: error: services.web.x-appliance.ingress[0].host: \"müller.example\" is not a host name"
            },
            {
                "x-appliance: {ingress: [{port: 80, host: \"\"}]}",
                "5:46: error: services.web.x-appliance.ingress[0].host: must not be empty"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: api}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"api\" is not a path of a URL: it starts with \"/\""
            },
            {
                "x-appliance: {ingress: [{port: 80, path: /a//b}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"/a//b\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: //}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"//\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: /a/../b}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"/a/../b\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: /.}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"/.\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: \"/a b\"}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"/a b\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: /a?b}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"/a?b\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: /100%}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"/100%\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: \"/\\n\"}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"/\n\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, path: /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}]}",
                "5:46: error: services.web.x-appliance.ingress[0].path: \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\" is not a path of a URL"
            },
            {
                "x-appliance: {ingress: [{port: 80, listen: 8080}]}",
                "5:40: error: services.web.x-appliance.ingress[0].listen: listen is for TCP routes: HTTP routes are all served on ports 80 and 443"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: h2c, listen: 8080}]}",
                "5:55: error: services.web.x-appliance.ingress[0].listen: listen is for TCP routes"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: tcp}]}",
                "5:29: error: services.web.x-appliance.ingress[0]: has no \"listen\": the port of the appliance that connections come to"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: tcp, listen: 0}]}",
                "5:63: error: services.web.x-appliance.ingress[0].listen: \"0\" is not a whole number from 1 to 65535"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: tcp, listen: 1, host: a.b}]}",
                "5:66: error: services.web.x-appliance.ingress[0].host: a TCP connection names no host"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: tcp, listen: 1, path: /}]}",
                "5:66: error: services.web.x-appliance.ingress[0].path: a TCP connection names no path"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: tcp, listen: 22}]}",
                "5:63: error: services.web.x-appliance.ingress[0].listen: port 22 is the appliance's own: administrators log in there (SSH)"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: tcp, listen: 80}]}",
                "5:63: error: services.web.x-appliance.ingress[0].listen: port 80 is the appliance's own: HTTP routes are served there"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: tcp, listen: 443}]}",
                "5:63: error: services.web.x-appliance.ingress[0].listen: port 443 is the appliance's own"
            },
            {
                "x-appliance: {ingress: [{port: 80, protocol: tcp, listen: 8443}]}",
                "5:63: error: services.web.x-appliance.ingress[0].listen: port 8443 is the appliance's own: the agent serves there"
            },
            {
                "x-appliance: {ingress: [{port: 80, host: a.b, path: /x}, {port: 81, host: A.B, path: /x/}]}",
                "5:62: error: services.web.x-appliance.ingress[1]: a.b/x is routed already, by services.web.x-appliance.ingress[0]"
            },
            {
                "x-appliance: {ingress: [80, 80]}",
                "5:33: error: services.web.x-appliance.ingress[1]: / of any host is routed already, by services.web.x-appliance.ingress[0]"
            },
            {
                "ports: [\"5000:5000\"]\nx-appliance: {ingress: [{port: 80, protocol: tcp, listen: 5000}]}",
                "6:63: error: services.web.x-appliance.ingress[0].listen: host port 5000 is published already, by services.web.ports[0]"
            },
            {
                "restart: \"no\"\nx-appliance: {ingress: [80]}",
                "6:19: error: services.web.x-appliance.ingress: ingress is for services that stay, and this one runs once (restart: \"no\")"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: 10}",
                "6:42: error: services.web.x-appliance.canary: must be a mapping with weight, duration and max-error-ratio, not a number"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {weight: 0}}",
                "6:51: error: services.web.x-appliance.canary.weight: \"0\" is not a share in per cent from 1 to 50, like 10 or 10%"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {weight: 51%}}",
                "6:51: error: services.web.x-appliance.canary.weight: \"51%\" is not a share"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {weight: 0.1}}",
                "6:51: error: services.web.x-appliance.canary.weight: \"0.1\" is not a share"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {weight: -5}}",
                "6:51: error: services.web.x-appliance.canary.weight: \"-5\" is not a share"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {weight: \"5 %\"}}",
                "6:51: error: services.web.x-appliance.canary.weight: \"5 %\" is not a share"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {duration: 0s}}",
                "6:53: error: services.web.x-appliance.canary.duration: must be longer than 0"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {duration: 5}}",
                "6:53: error: services.web.x-appliance.canary.duration: \"5\" is not a duration with its unit"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {max-error-ratio: 1%}}",
                "6:60: error: services.web.x-appliance.canary.max-error-ratio: \"1%\" is not a number from 0 to 1"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {max-error-ratio: 1.5}}",
                "6:60: error: services.web.x-appliance.canary.max-error-ratio: \"1.5\" is not a number from 0 to 1"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {ingress: [80], canary: {max_error_ratio: 0}}",
                "6:43: error: services.web.x-appliance.canary.max_error_ratio: unknown key; did you mean \"max-error-ratio\"?"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {canary: {}}",
                "6:19: error: services.web.x-appliance.canary: a canary gets a share of the requests that come through ingress, and the service has no HTTP route there"
            },
            {
                "deploy: {update_config: {order: start-first}}\nx-appliance: {canary: {}, ingress: [{port: 1, protocol: tcp, listen: 1}]}",
                "6:19: error: services.web.x-appliance.canary: a canary gets a share of the requests"
            },
            {
                "x-appliance: {ingress: [80], canary: {}}",
                "5:34: error: services.web.x-appliance.canary: a canary runs beside the old version; give the service deploy.update_config.order: start-first"
            },
            {
                "deploy: {update_config: {order: stop-first}}\nx-appliance: {ingress: [80], canary: {}}",
                "6:34: error: services.web.x-appliance.canary: a canary runs beside the old version"
            },
            {
                "x-appliance: {share-safe: x}",
                "5:31: error: services.web.x-appliance.share-safe: must be a list of volumes, not a string"
            },
            {
                "x-appliance: {share-safe: [x]}",
                "5:32: error: services.web.x-appliance.share-safe[0]: the service mounts no volume \"x\""
            },
            {
                "volumes: [/srv/data:/d]\nx-appliance: {share-safe: [/srv/date]}",
                "6:32: error: services.web.x-appliance.share-safe[0]: the service mounts no volume \"/srv/date\"; did you mean \"/srv/data\"?"
            },
            {
                "volumes: [/srv/data:/d]\nx-appliance: {share-safe: [/srv/data, /srv/data/]}",
                "6:43: error: services.web.x-appliance.share-safe[1]: \"/srv/data\" is listed twice"
            },
        };

    [Theory]
    [MemberData(nameof(BadForms))]
    public void A_bad_form_is_reported_where_it_stands(string keys, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Cases.Findings(Cases.Parse(Cases.Service(keys)))));

    public static TheoryData<string, string> Conflicts =>
        new()
        {
            {
                "  a: {image: \"a:1\", x-appliance: {ingress: [80]}}\n  b: {image: \"b:1\", x-appliance: {ingress: [80]}}\n",
                "4:45: error: services.b.x-appliance.ingress[0]: / of any host is routed already, by services.a.x-appliance.ingress[0]"
            },
            {
                "  a: {image: \"a:1\", x-appliance: {ingress: [{port: 80, host: a.b, path: /x}]}}\n  b: {image: \"b:1\", x-appliance: {ingress: [81, {port: 9, protocol: grpc, host: a.B, path: /x/}]}}\n",
                "4:49: error: services.b.x-appliance.ingress[1]: a.b/x is routed already, by services.a.x-appliance.ingress[0]"
            },
            {
                "  a: {image: \"a:1\", x-appliance: {ingress: [{port: 1, protocol: tcp, listen: 25}]}}\n  b: {image: \"b:1\", x-appliance: {ingress: [{port: 2, protocol: tcp, listen: 25}]}}\n",
                "4:78: error: services.b.x-appliance.ingress[0].listen: port 25 is listened on already, by services.a.x-appliance.ingress[0]"
            },
            {
                "  a: {image: \"a:1\", ports: [\"127.0.0.1:20-30:20-30\"]}\n  b: {image: \"b:1\", x-appliance: {ingress: [{port: 2, protocol: tcp, listen: 25}]}}\n",
                "4:78: error: services.b.x-appliance.ingress[0].listen: host port 25 is published already, by services.a.ports[0]"
            },
            {
                "  a: {image: \"a:1\", ports: [\"443:443\"]}\n  b: {image: \"b:1\", x-appliance: {ingress: [80]}}\n",
                "3:29: error: services.a.ports[0]: HTTP routes are served on host port 443, among them services.b.x-appliance.ingress[0]"
            },
            {
                "  a: {image: \"a:1\", ports: [\"127.0.0.1:80:80\"], x-appliance: {ingress: [80]}}\n",
                "3:29: error: services.a.ports[0]: HTTP routes are served on host port 80, among them services.a.x-appliance.ingress[0]"
            },
            {
                "  a: {image: \"a:1\", profiles: [x], x-appliance: {ingress: [80]}}\n  b: {image: \"b:1\", profiles: [x, y], x-appliance: {ingress: [80]}}\n",
                "4:63: error: services.b.x-appliance.ingress[0]: / of any host is routed already"
            },
            {
                "  a: {image: \"a:1\", depends_on: {b: {condition: service_completed_successfully}}}\n  b: {image: \"b:1\", x-appliance: {ingress: [80]}}\n",
                "4:35: error: services.b.x-appliance.ingress: ingress is for services that stay, and \"a\" waits for this one to complete"
            },
            {
                "  a: {image: \"a:1\", volumes: [\"v:/v\"], deploy: {update_config: {order: start-first}}}\nvolumes: {v: , w: }",
                "3:72: error: services.a.deploy.update_config.order: start-first would have two containers write to services.a.volumes[0] at once; use stop-first, mount it read-only, or list \"v\" under x-appliance.share-safe"
            },
            {
                "  a: {image: \"a:1\", volumes: [\"v:/v\", \"w:/w\"], deploy: {update_config: {order: start-first}}, x-appliance: {share-safe: [v]}}\nvolumes: {v: , w: }",
                "3:80: error: services.a.deploy.update_config.order: start-first would have two containers write to services.a.volumes[1] at once"
            },
            {
                "  a: {image: \"a:1\", volumes: [\"/srv/x:/v\"], deploy: {update_config: {order: start-first}}}\n",
                "3:77: error: services.a.deploy.update_config.order: start-first would have two containers write to services.a.volumes[0] at once; use stop-first, mount it read-only, or list \"/srv/x\" under"
            },
            {
                "  a: {image: \"a:1\", volumes: [\"v:/v\"], deploy: {update_config: {order: start-first}}, x-appliance: {ingress: [80], canary: {}}}\nvolumes: {v: , w: }",
                "3:72: error: services.a.deploy.update_config.order: start-first would have two containers write to services.a.volumes[0] at once"
            },
            {
                "  a: {image: \"a:1\", volumes: [\"v:/v\"], x-appliance: {share-safe: [w]}}\nvolumes: {v: , w: }",
                "3:67: error: services.a.x-appliance.share-safe[0]: the service mounts no volume \"w\""
            },
        };

    [Theory]
    [MemberData(nameof(Conflicts))]
    public void A_conflict_is_reported_where_it_stands(string services, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Cases.Findings(Cases.Parse(Head + services))));

    [Theory]
    [InlineData(
        "  a: {image: \"a:1\", x-appliance: {ingress: [80]}}\n  b: {image: \"b:1\", x-appliance: {ingress: [{port: 80, host: a.b}, {port: 80, path: /b}, {port: 80, host: \"*.a.b\"}]}}\n"
    )]
    [InlineData(
        "  a: {image: \"a:1\", profiles: [x], x-appliance: {ingress: [80, {port: 1, protocol: tcp, listen: 25}]}}\n  b: {image: \"b:1\", profiles: [y], x-appliance: {ingress: [80, {port: 1, protocol: tcp, listen: 25}]}}\n  c: {image: \"c:1\", profiles: [z], ports: [\"80:80\", \"25:25\"]}\n"
    )]
    [InlineData(
        "  a: {image: \"a:1\", ports: [\"25:25/udp\", \"443:443/udp\", \"26\"]}\n  b: {image: \"b:1\", x-appliance: {ingress: [80, {port: 26, protocol: tcp, listen: 25}]}}\n"
    )]
    [InlineData(
        "  a: {image: \"a:1\", ports: [\"80:80\"]}\n  b: {image: \"b:1\", x-appliance: {ingress: [{port: 1, protocol: tcp, listen: 25}]}}\n"
    )]
    [InlineData(
        "  a: {image: \"a:1\", networks: [n], x-appliance: {ingress: [80]}}\nnetworks: {n: {internal: true}}\n"
    )]
    [InlineData(
        "  a: {image: \"a:1\", volumes: [\"v:/v\", \"/srv/x/:/x\"], tmpfs: /t, deploy: {update_config: {order: start-first}}, x-appliance: {ingress: [80], canary: {}, share-safe: [v, /srv//x]}}\nvolumes: {v: , w: }"
    )]
    [InlineData(
        "  a: {image: \"a:1\", volumes: [\"v:/v:ro\"], deploy: {update_config: {order: start-first}}, x-appliance: {ingress: [80], canary: {}}}\nvolumes: {v: , w: }"
    )]
    [InlineData("  a: {image: \"a:1\", volumes: [\"v:/v\"], x-appliance: {share-safe: [v]}}\nvolumes: {v: , w: }")]
    public void What_cannot_collide_is_no_conflict(string services) =>
        RoundTrip.Check(Cases.Good(Head + services), Cases.NoFolder);

    [Fact]
    public void All_that_is_wrong_with_a_canary_is_said_at_once()
    {
        var findings = Cases.Findings(
            Cases.Parse(
                Head
                    + "  a: {image: \"a:1\", ports: [\"25:25\"], volumes: [\"v:/v\"], networks: {n: {ipv4_address: 10.1.0.9}}, x-appliance: {canary: {}}}\nnetworks: {n: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}\nvolumes: {v: }"
            )
        );
        Assert.Equal(5, findings.Length);
        Assert.All(findings, f => Assert.StartsWith("3:113: error: services.a.x-appliance.canary: ", f));
        Assert.Contains(findings, f => f.Contains("has no HTTP route there", StringComparison.Ordinal));
        Assert.Contains(findings, f => f.Contains("order: start-first", StringComparison.Ordinal));
        Assert.Contains(
            findings,
            f => f.Contains("a canary would have two containers write to", StringComparison.Ordinal)
        );
        Assert.Contains(findings, f => f.Contains("the host port of", StringComparison.Ordinal));
        Assert.Contains(findings, f => f.Contains("the fixed address of", StringComparison.Ordinal));
    }

    [Fact]
    public void A_service_in_the_hosts_network_has_no_address_to_send_requests_to()
    {
        var allowances = new Allowances(
            new Dictionary<string, IReadOnlySet<string>> { ["web"] = new HashSet<string> { "network_mode: host" } }
        );
        var result = Cases.Parse(
            Cases.Service("network_mode: host\nx-appliance: {ingress: [80]}"),
            new ComposeOptions { Allowances = allowances }
        );
        Assert.StartsWith(
            "6:19: error: services.web.x-appliance.ingress: with network_mode: host the service has no address",
            Assert.Single(Cases.Findings(result))
        );
    }

    [Fact]
    public void A_route_can_be_given_by_variables()
    {
        var model = Cases.Good(
            Cases.Parse(
                Cases.Service("x-appliance: {ingress: [{port: $PORT, host: \"${HOST}\"}]}"),
                ("PORT", "8080"),
                ("HOST", "shop.example.com")
            )
        );
        Assert.Equal(
            new IngressRoute(IngressProtocol.Http, 8080, "shop.example.com", "/", null),
            Assert.Single(model.Services["web"].Ingress)
        );
    }

    [Fact]
    public void What_a_service_does_not_say_it_does_not_have()
    {
        var service = Cases.Good(Cases.Service("init: true")).Services["web"];
        Assert.Empty(service.Ingress);
        Assert.Empty(service.ShareSafe);
        Assert.Null(service.Canary);
    }
}
