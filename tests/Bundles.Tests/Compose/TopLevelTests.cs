using Appliance.Testing;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>The keys beside the services, and the checks that look across the file.</summary>
public sealed class TopLevelTests
{
    private const string Head = "name: test\nservices:\n  web: {image: \"nginx:1\"}\n";
    private const string Pair = "name: test\nservices:\n";

    public static TheoryData<string, string> Faults =>
        new()
        {
            { "services: {web: {image: \"a:1\"}}", "1:1: error: has no \"name\": the product's name" },
            { "name: t", "1:1: error: has no \"services\": what the application runs" },
            { "name: t\nservices: {}", "2:11: error: services: must hold at least one service" },
            { "name: t\nservices: [a]", "2:11: error: services: must be a mapping, not a list" },
            {
                "name: t\nservices: {web: x}",
                "2:17: error: services.web: must be a service (a mapping with at least \"image\"), not a string"
            },
            {
                "name: t\nservices: {web: {}}",
                "2:12: error: services.web: has no \"image\": which image the service runs"
            },
            { "name: t\nservices: {we b: {image: \"a:1\"}}", "2:12: error: services.we b: not a good name" },
            { "[a]", "1:1: error: must be a mapping with \"name\" and \"services\", not a list" },
            { "name: Test\nservices: {web: {image: \"a:1\"}}", "1:7: error: name: \"Test\" is not a product's name" },
            { Head + "version: \"3\"", "4:10: warning: version: \"version\" is obsolete and means nothing; remove it" },
            { Head + "volume: {}", "4:1: error: volume: unknown key; did you mean \"volumes\"?" },
            { Head + "include: [x]", "4:1: error: include: include is not supported" },
            {
                Head + "x-appliance: {version: 1.0.0.0}",
                "4:24: error: x-appliance.version: \"1.0.0.0\" is not a semantic version"
            },
            {
                Head + "x-appliance: {version: 1.0}",
                "4:24: error: x-appliance.version: must be a string, not a number; put it in quotes: \"1.0\""
            },
            {
                Head + "x-appliance: {backups: {}}",
                "4:15: error: x-appliance.backups: x-appliance.backups is not supported by this version"
            },
            {
                Head + "x-appliance: {ingress: [80]}",
                "4:15: error: x-appliance.ingress: ingress belongs in a service: services.NAME.x-appliance.ingress"
            },
            { Head + "x-appliance: {canary: {}}", "4:15: error: x-appliance.canary: canary belongs in a service" },
            {
                Head + "x-appliance: {share-safe: [v]}",
                "4:15: error: x-appliance.share-safe: share-safe belongs in a service"
            },
            {
                Head + "x-appliance: {descripton: x}",
                "4:15: error: x-appliance.descripton: unknown key; did you mean \"description\"?"
            },
            {
                Head + "x-appliance: {upgrade-from: \"1.x\"}",
                "4:29: error: x-appliance.upgrade-from: \"1.x\" is not a range of versions, like \">=1.0.0 <3.0.0\""
            },
            {
                "name: t\nservices: {web: {image: \"a:1\", x-appliance: {upgrade-from: 1.0.0}}}",
                "2:46: error: services.web.x-appliance.upgrade-from: upgrade-from belongs in the top-level x-appliance"
            },
            // networks
            {
                Head + "networks: {a: {driver: overlay}}",
                "4:24: error: networks.a.driver: only \"bridge\" is supported"
            },
            {
                Head + "networks: {a: {external: true}}",
                "4:16: error: networks.a.external: external networks are not supported"
            },
            { Head + "networks: {a: {name: x}}", "4:16: error: networks.a.name: a name of its own is not supported" },
            {
                Head + "networks: {a: {x-appliance: {}}}",
                "4:16: error: networks.a.x-appliance: x-appliance means nothing in a network"
            },
            {
                Head + "networks: {a: {ipam: {config: [{subnet: 10.0.0.1/8}]}}}",
                "4:41: error: networks.a.ipam.config[0].subnet: \"10.0.0.1/8\" is not a block of addresses; with 8 bits it begins at 10.0.0.0/8"
            },
            {
                Head + "networks: {a: {ipam: {config: [{subnet: 10.0.0.0/8, gateway: 11.0.0.1}]}}}",
                "4:62: error: networks.a.ipam.config[0].gateway: 11.0.0.1 is not inside the subnet 10.0.0.0/8"
            },
            {
                Head + "networks: {a: {ipam: {config: [{subnet: 10.0.0.0/24, ip_range: 10.0.0.0/16}]}}}",
                "4:64: error: networks.a.ipam.config[0].ip_range: 10.0.0.0/16 is not inside the subnet 10.0.0.0/24"
            },
            // volumes
            {
                Head + "volumes: {a: {external: true}}",
                "4:15: error: volumes.a.external: external volumes are not supported"
            },
            { Head + "volumes: {a: {driver: nfs}}", "4:23: error: volumes.a.driver: \"nfs\" is not one of local" },
            {
                Head + "volumes: {a: {driver_opts: {type: overlay, device: overlay, o: \"lowerdir=/\"}}}",
                "4:35: error: volumes.a.driver_opts.type: \"overlay\" is not one of"
            },
            {
                Head + "volumes: {a: {driver_opts: {type: none, o: bind}}}",
                "4:28: error: volumes.a.driver_opts: a bind needs a \"device\""
            },
            {
                Head + "volumes: {a: {driver_opts: {type: nfs, o: \"addr=x,bind\", device: /etc}}}",
                "4:66: error: volumes.a.driver_opts.device: may not bind /etc"
            },
            {
                Head + "volumes: {a: {driver_opts: {type: tmpfs, device: tmpfs, o: remount}}}",
                "4:60: error: volumes.a.driver_opts.o: the mount flag \"remount\" is forbidden"
            },
            // secrets and configs
            { Head + "secrets: {a: {external: true}}", "4:15: error: secrets.a.external: external is not supported" },
            {
                Head + "secrets: {a: {environment: X}}",
                "4:15: error: secrets.a.environment: a secret from the environment would stand"
            },
            {
                Head + "secrets: {a: {file: missing}}",
                "4:21: error: secrets.a.file: there is no file \"missing\" beside the Compose file"
            },
            {
                Head + "secrets: {a: {file: ../../etc/shadow}}",
                "4:21: error: secrets.a.file: \"../../etc/shadow\" is not inside the release"
            },
            {
                Head + "configs: {a: {content: x, environment: X}}",
                "4:11: error: configs.a: a config has exactly one of file, content and environment"
            },
            {
                Head + "configs: {a: {environment: NONE}}",
                "4:28: error: configs.a.environment: variable \"NONE\" is not set"
            },
            // across services
            {
                Pair
                    + "  a: {image: \"a:1\", depends_on: [b]}\n  b: {image: \"b:1\", depends_on: [c]}\n  c: {image: \"c:1\", depends_on: [a]}",
                "5:34: error: services.c.depends_on[0]: dependencies go round in a circle: a -> b -> c -> a"
            },
            {
                Pair + "  a: {image: \"a:1\", depends_on: {b: {condition: service_healthy}}}\n  b: {image: \"b:1\"}",
                "3:34: warning: services.a.depends_on.b: \"b\" becomes healthy only if its image has a health check"
            },
            {
                Pair
                    + "  a: {image: \"a:1\", depends_on: {b: {condition: service_healthy}}}\n  b: {image: \"b:1\", healthcheck: {disable: true}}",
                "3:34: error: services.a.depends_on.b: \"b\" never becomes healthy"
            },
            {
                Pair
                    + "  a: {image: \"a:1\", depends_on: {b: {condition: service_completed_successfully}}}\n  b: {image: \"b:1\", restart: always}",
                "3:34: error: services.a.depends_on.b: \"b\" never completes"
            },
            {
                Pair + "  a: {image: \"a:1\", depends_on: {b: {condition: healthy}}}\n  b: {image: \"b:1\"}",
                "3:49: error: services.a.depends_on.b.condition: \"healthy\" is not one of service_started"
            },
            {
                Pair
                    + "  a: {image: \"a:1\", depends_on: {b: {condition: service_started, required: false}}}\n  b: {image: \"b:1\"}",
                "3:66: error: services.a.depends_on.b.required: required is not supported"
            },
            {
                Pair + "  a: {image: \"a:1\", depends_on: [b]}\n  b: {image: \"b:1\", profiles: [x]}",
                "3:34: error: services.a.depends_on[0]: \"b\" runs only in the profiles x, and \"a\" in others too"
            },
            {
                Pair
                    + "  a: {image: \"a:1\", ports: [\"127.0.0.1:80:80\"]}\n  b: {image: \"b:1\", ports: [\"80:8080\"]}",
                "4:29: error: services.b.ports[0]: host port 80 is published already, by services.a.ports[0]"
            },
            {
                Pair + "  a: {image: \"a:1\", ports: [\"80:80\"], deploy: {replicas: 2}}",
                "3:58: error: services.a.deploy.replicas: 2 replicas cannot share the host port of services.a.ports[0]"
            },
            {
                Pair + "  a: {image: \"a:1\", ports: [\"80:80\"], deploy: {update_config: {order: start-first}}}",
                "3:71: error: services.a.deploy.update_config.order: start-first cannot work: the old container still holds the host port"
            },
            {
                Pair
                    + "  a: {image: \"a:1\", volumes: [\"v:/v\"], deploy: {update_config: {order: start-first}}}\nvolumes: {v: }",
                "3:72: error: services.a.deploy.update_config.order: start-first would have two containers write to services.a.volumes[0]"
            },
            {
                Pair
                    + "  a: {image: \"a:1\", configs: [{source: c, target: /v/x}], volumes: [\"v:/v/x\"]}\nvolumes: {v: }\nconfigs: {c: {content: x}}",
                "3:31: error: services.a.configs[0]: /v/x is mounted already, by services.a.volumes[0]"
            },
            {
                Head
                    + "networks:\n  a: {ipam: {config: [{subnet: 10.1.0.0/16}]}}\n  b: {ipam: {config: [{subnet: 10.1.2.0/24}]}}",
                "6:22: error: networks.b.ipam.config: the subnet 10.1.2.0/24 overlaps with 10.1.0.0/16 of network \"a\""
            },
        };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_reported_where_it_stands(string yaml, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Cases.Findings(Cases.Parse(yaml))));

    [Theory]
    [InlineData(
        "  a: {image: \"a:1\", ports: [\"127.0.0.1:80:80\"]}\n  b: {image: \"b:1\", ports: [\"127.0.0.2:80:80\"]}"
    )]
    [InlineData("  a: {image: \"a:1\", ports: [\"80:80\"]}\n  b: {image: \"b:1\", ports: [\"80:80/udp\"]}")]
    [InlineData(
        "  a: {image: \"a:1\", ports: [\"80:80\"], profiles: [x]}\n  b: {image: \"b:1\", ports: [\"80:80\"], profiles: [y]}"
    )]
    [InlineData("  a: {image: \"a:1\", depends_on: [b], profiles: [x]}\n  b: {image: \"b:1\", profiles: [x, y]}")]
    public void What_cannot_collide_is_no_conflict(string services) => Cases.Good(Pair + services);

    [Fact]
    public void The_model_keeps_the_order_of_the_file_and_adds_the_default_network()
    {
        var model = Cases.Good(
            "name: t\nx-appliance: {version: 1.2.3-rc.1+b, description: d}\nservices:\n  z: {image: \"z:1\"}\n  a: {image: \"a:1\", profiles: [p], networks: [n]}\nnetworks: {n: }"
        );
        Assert.Equal(["z", "a"], model.Services.Keys);
        Assert.Equal(["default", "n"], model.Networks.Keys);
        Assert.Equal("1.2.3-rc.1+b", model.Version!.Text);
        Assert.Equal(["z"], model.EnabledServices([]).Select(s => s.Name));
        Assert.Equal(["z", "a"], model.EnabledServices(["p"]).Select(s => s.Name));
    }

    [Fact]
    public void The_versions_to_upgrade_from_round_trip()
    {
        var model = Cases.Good(Head + "x-appliance: {version: 2.0.0, upgrade-from: \">=1.0.0   <2.0.0\"}");
        Assert.Equal(">=1.0.0 <2.0.0", model.UpgradeFrom!.Text);
        RoundTrip.Check(model, Cases.NoFolder);
    }

    [Fact]
    public void The_files_that_were_read_are_told_once_each_by_path()
    {
        using var scratch = new ScratchFolder();
        Directory.CreateDirectory(scratch["conf"]);
        File.WriteAllText(scratch[".env"], "TAG=1\n");
        File.WriteAllText(scratch["web.env"], "A=b\n");
        File.WriteAllText(scratch["conf/app"], "x");
        File.WriteAllText(scratch["unused"], "x");

        var result = Cases.Parse(
            "name: t\nservices: {web: {image: \"a:$TAG\", env_file: [web.env, ./conf/../web.env], configs: [c], secrets: [s]}}\n"
                + "configs: {c: {file: conf/app}}\nsecrets: {s: {file: ./conf/app}}\n",
            folder: scratch.Path
        );

        Assert.Equal("a:1", $"{Cases.Good(result).Services["web"].Image}");
        Assert.Equal([".env", "conf/app", "web.env"], result.Files.Select(f => f.Path));
        Assert.Equal("TAG=1\n"u8, result.Files[0].Bytes.Span);
    }

    [Fact]
    public void Networks_and_volumes_in_full_round_trip()
    {
        var model = Cases.Good(
            Head
                + "networks: {n: {internal: true, attachable: true, enable_ipv6: true, driver_opts: {com.docker.network.driver.mtu: 1400}, labels: [a=b], ipam: {driver: default, config: [{subnet: 10.9.0.0/16, ip_range: 10.9.5.0/24, gateway: 10.9.0.1, aux_addresses: {h: 10.9.0.2}}, {subnet: \"fd00:1::/64\"}]}}}\n"
                + "volumes: {v: {driver: local, driver_opts: {type: nfs, o: \"addr=10.0.0.1,rw\", device: \":/x\"}, labels: {a: b}}}\n"
                + "configs: {c: {content: \"a: $$b\\n\"}}\n"
        );
        Assert.Equal("10.9.5.0/24", model.Networks["n"].Pools[0].Range);
        RoundTrip.Check(model, Cases.NoFolder);
    }
}
