namespace Appliance.Bundles.Tests.Compose;

/// <summary>Every key of a service in bad forms: exactly one finding, at exactly this place.</summary>
public sealed class BadServiceKeyTests
{
    public static TheoryData<string, string> Forms =>
        new()
        {
            { "prots: [80]", "5:5: error: services.web.prots: unknown key; did you mean \"ports\"?" },
            { "enviroment: {}", "5:5: error: services.web.enviroment: unknown key; did you mean \"environment\"?" },
            {
                "command: 5",
                "5:14: error: services.web.command: must be a string, not a number; put it in quotes: \"5\""
            },
            {
                "command: [sleep, 5]",
                "5:22: error: services.web.command[1]: must be a string, not a number; put it in quotes: \"5\""
            },
            { "command: a | b", "5:14: error: services.web.command: \"|\" needs a shell" },
            { "command: a 'b", "5:14: error: services.web.command: a ' is not closed" },
            { "environment: {1A: x}", "5:19: error: services.web.environment.1A: \"1A\" is not a variable's name" },
            { "environment:\n  A:", "6:7: error: services.web.environment.A: A has no value" },
            { "environment: [A=1, A=2]", "5:24: error: services.web.environment[1]: \"A\" is given twice" },
            { "environment: {A: [1]}", "5:22: error: services.web.environment.A: must be a string, not a list" },
            { "environment: {A: 1.10}", "5:22: warning: services.web.environment.A: 1.10 is taken as written" },
            { "environment: {A: 0755}", "5:22: warning: services.web.environment.A: 0755 is taken as written" },
            {
                "env_file: none.env",
                "5:15: error: services.web.env_file: there is no file \"none.env\" beside the Compose file"
            },
            { "env_file: ../x", "5:15: error: services.web.env_file: \"../x\" is not inside the release" },
            {
                "env_file: /etc/passwd",
                "5:15: error: services.web.env_file: \"/etc/passwd\" is not inside the release"
            },
            { "ports: 80", "5:12: error: services.web.ports: must be a list of ports, not a number" },
            { "ports: [0]", "5:13: error: services.web.ports[0]: \"0\" is not a port from 1 to 65535" },
            { "ports: [\"80:70000\"]", "5:13: error: services.web.ports[0]: \"70000\" is not a port" },
            { "ports: [\":80\"]", "5:13: error: services.web.ports[0]: must be" },
            { "ports: [\"x:1:80\"]", "5:13: error: services.web.ports[0]: \"x\" is not an IP address" },
            { "ports: [\"80/icmp\"]", "5:13: error: services.web.ports[0]: \"icmp\" is not one of tcp, udp, sctp" },
            { "ports: [1-2:1-3]", "5:13: error: services.web.ports[0]: 2 host ports for 3 container ports" },
            {
                "ports: [\"1:1\", \"2:2\", \"1:3\"]",
                "5:27: error: services.web.ports[2]: host port 1 is published already, by services.web.ports[0]"
            },
            {
                "ports: [{published: 80}]",
                "5:13: error: services.web.ports[0]: has no \"target\": the port inside the container"
            },
            {
                "ports: [{target: 80, name: x}]",
                "5:26: error: services.web.ports[0].name: a port's name has no use here"
            },
            { "expose: [a]", "5:14: error: services.web.expose[0]: \"a\" is not a port" },
            {
                "volumes: [data:/d]",
                "5:15: error: services.web.volumes[0]: unknown volume \"data\"; declare it under the top-level \"volumes\""
            },
            { "volumes: [/d]", "5:15: error: services.web.volumes[0]: a volume without a name loses its data" },
            {
                "volumes: [./a:/d]",
                "5:15: error: services.web.volumes[0]: \"./a\" is a relative path: the files beside"
            },
            { "volumes: [~/a:/d]", "5:15: error: services.web.volumes[0]: \"~/a\" is a relative path" },
            {
                "volumes: [/srv/a:d]",
                "5:15: error: services.web.volumes[0]: \"d\" is not an absolute path inside the container"
            },
            {
                "volumes: [/srv/a:/]",
                "5:15: error: services.web.volumes[0]: nothing can be mounted over the container's root"
            },
            {
                "volumes: [/srv/a:/x:wr]",
                "5:15: error: services.web.volumes[0]: unknown option \"wr\"; known are: ro, rw, nocopy"
            },
            {
                "volumes: [/srv/a:/x, /srv/b:/x/]",
                "5:26: error: services.web.volumes[1]: /x is mounted already, by services.web.volumes[0]"
            },
            {
                "volumes: [{type: npipe, target: /x}]",
                "5:22: error: services.web.volumes[0].type: \"npipe\" is not one of volume, bind, tmpfs"
            },
            {
                "volumes: [{type: tmpfs, target: /x, bind: {}}]",
                "5:41: error: services.web.volumes[0].bind: \"bind\" options do not fit"
            },
            { "tmpfs: [\"/x:huge\"]", "5:13: error: services.web.tmpfs[0]: unknown or bad tmpfs option \"huge\"" },
            { "hostname: a_b", "5:15: error: services.web.hostname: \"a_b\" is not a host name" },
            {
                "user: 1000",
                "5:11: error: services.web.user: must be a string, not a number; put it in quotes: \"1000\""
            },
            { "working_dir: app", "5:18: error: services.web.working_dir: \"app\" is not an absolute path" },
            { "extra_hosts: [a]", "5:19: error: services.web.extra_hosts[0]: must be \"name=address\"" },
            {
                "extra_hosts: {a: 300.1.1.1}",
                "5:22: error: services.web.extra_hosts.a: \"300.1.1.1\" is not an IP address"
            },
            { "dns: [8.8]", "5:11: error: services.web.dns[0]: must be a string, not a number" },
            {
                "depends_on: [wob]",
                "5:18: error: services.web.depends_on[0]: unknown service \"wob\"; did you mean \"web\"?"
            },
            {
                "depends_on: [web]",
                "5:18: error: services.web.depends_on[0]: dependencies go round in a circle: web -> web"
            },
            {
                "healthcheck: {test: []}",
                "5:25: error: services.web.healthcheck.test: must be a string, or a list that begins with CMD"
            },
            {
                "healthcheck: {test: [CMD-SHELL, a, b]}",
                "5:25: error: services.web.healthcheck.test: CMD-SHELL takes one line"
            },
            {
                "healthcheck: {test: x, disable: true}",
                "5:25: error: services.web.healthcheck.test: a test, and \"disable: true\""
            },
            {
                "healthcheck: {interval: 10}",
                "5:29: error: services.web.healthcheck.interval: \"10\" is not a duration with its unit"
            },
            {
                "healthcheck: {intervall: 10s}",
                "5:19: error: services.web.healthcheck.intervall: unknown key; did you mean \"interval\"?"
            },
            { "restart: sometimes", "5:14: error: services.web.restart: \"sometimes\" is not one of no, always" },
            { "restart: always:3", "5:14: error: services.web.restart: \"always:3\" is not one of" },
            { "restart: false", "5:14: error: services.web.restart: must be a string; put it in quotes: \"no\"" },
            { "deploy: {mode: global}", "5:20: error: services.web.deploy.mode: only \"replicated\" is supported" },
            {
                "deploy: {replicas: -1}",
                "5:24: error: services.web.deploy.replicas: \"-1\" is not a whole number from 0 to 100"
            },
            {
                "deploy: {resources: {limits: {memory: 1x}}}",
                "5:43: error: services.web.deploy.resources.limits.memory: \"1x\" is not a size"
            },
            {
                "deploy: {resources: {limits: {memory: 1m}}}",
                "5:43: error: services.web.deploy.resources.limits.memory: less than 6m"
            },
            {
                "deploy: {resources: {limits: {cpus: 0}}}",
                "5:41: error: services.web.deploy.resources.limits.cpus: \"0\" is not a number from 0.001 to 1024"
            },
            {
                "deploy: {resources: {reservations: {devices: []}}}",
                "5:41: error: services.web.deploy.resources.reservations.devices: devices are not supported"
            },
            {
                "deploy: {restart_policy: {}}",
                "5:14: error: services.web.deploy.restart_policy: restart_policy is not supported; use the service's \"restart\""
            },
            {
                "deploy: {update_config: {failure_action: continue}}",
                "5:46: warning: services.web.deploy.update_config.failure_action: an appliance does not go on"
            },
            {
                "deploy: {update_config: {max_failure_ratio: 0.25}}",
                "5:49: warning: services.web.deploy.update_config.max_failure_ratio: an appliance waits for every replica"
            },
            {
                "deploy: {rollback_config: {failure_action: rollback}}",
                "5:48: error: services.web.deploy.rollback_config.failure_action: \"rollback\" is not one of pause, continue"
            },
            { "labels: [=x]", "5:14: error: services.web.labels[0]: must not have an empty name" },
            {
                "cap_add: [NET_ADMN]",
                "5:15: error: services.web.cap_add[0]: \"NET_ADMN\" is not a capability; did you mean \"NET_ADMIN\"?"
            },
            {
                "security_opt: [seccomp=x.json]",
                "5:20: error: services.web.security_opt[0]: a seccomp profile of your own"
            },
            { "read_only: yes", "5:16: error: services.web.read_only: must be true or false, not a string" },
            { "init: {}", "5:11: error: services.web.init: must be true or false, not a mapping" },
            {
                "ulimits: {nofiles: 1}",
                "5:15: error: services.web.ulimits.nofiles: \"nofiles\" is not a limit; did you mean \"nofile\"?"
            },
            {
                "ulimits: {nofile: {soft: 2, hard: 1}}",
                "5:23: error: services.web.ulimits.nofile: the soft limit (2) is above the hard one (1)"
            },
            {
                "sysctls: {vm.swappiness: 1}",
                "5:15: error: services.web.sysctls.vm.swappiness: vm.swappiness is the host's"
            },
            { "shm_size: big", "5:15: error: services.web.shm_size: \"big\" is not a size" },
            { "user: \"0:0:0\"", "5:11: error: services.web.user: \"0:0:0\" is not a user, or a user and a group" },
            { "user: \"1000:\"", "5:11: error: services.web.user: \"1000:\" is not a user" },
            { "user: \"4294967296\"", "5:11: error: services.web.user: \"4294967296\" is not a user" },
            { "stop_signal: SIGTREM", "5:18: error: services.web.stop_signal: \"SIGTREM\" is not a signal" },
            { "stop_signal: 0", "5:18: error: services.web.stop_signal: \"0\" is not a signal" },
            { "stop_signal: 65", "5:18: error: services.web.stop_signal: \"65\" is not a signal" },
            { "stop_signal: SIGRTMIN+16", "5:18: error: services.web.stop_signal: \"SIGRTMIN+16\" is not a signal" },
            {
                "labels: {appliance.project: x}",
                "5:14: error: services.web.labels.appliance.project: labels that begin"
            },
            { "labels: [a=1, appliance.project=x]", "5:19: error: services.web.labels[1]: labels that begin" },
            {
                "deploy: {labels: {appliance.x: y}}",
                "5:23: error: services.web.deploy.labels.appliance.x: labels that"
            },
            { "tmpfs: /proc", "5:12: error: services.web.tmpfs: nothing can be mounted on /proc" },
            { "tmpfs: [\"/x/../dev:size=1m\"]", "5:13: error: services.web.tmpfs[0]: nothing can be mounted on /dev" },
            { "volumes: [/srv/a:/sys/fs]", "5:15: error: services.web.volumes[0]: nothing can be mounted on /sys/fs" },
            {
                "volumes: [{type: tmpfs, target: /proc/self}]",
                "5:15: error: services.web.volumes[0]: nothing can be mounted on /proc/self"
            },
            { "stop_signal: term", "5:18: error: services.web.stop_signal: \"term\" is not a signal" },
            { "stop_grace_period: 5", "5:24: error: services.web.stop_grace_period: \"5\" is not a duration" },
            {
                "logging: {driver: gelf}",
                "5:23: error: services.web.logging.driver: the logs of driver \"gelf\" cannot be read back"
            },
            {
                "secrets: [x]",
                "5:15: error: services.web.secrets[0]: unknown secret \"x\"; declare it under the top-level \"secrets\""
            },
            { "networks: [x]", "5:16: error: services.web.networks[0]: unknown network \"x\"; declare it" },
            {
                "networks: {default: {ipv4_address: 10.0.0.1}}",
                "5:25: error: services.web.networks.default: 10.0.0.1 is in no subnet"
            },
            { "profiles: [\"a b\"]", "5:16: error: services.web.profiles[0]: not a good name" },
            { "ports:", "5:5: error: services.web.ports: has no value; give it one or remove the key" },
            {
                "build: .",
                "5:5: error: services.web.build: build is not supported: images come ready-made with the release"
            },
            {
                "container_name: x",
                "5:5: error: services.web.container_name: container_name is not supported: the agent names containers"
            },
            { "extends: x", "5:5: error: services.web.extends: extends is not supported; share keys with an anchor" },
            { "links: [x]", "5:5: error: services.web.links: links are not supported" },
            { "annotations: {}", "5:5: error: services.web.annotations: annotations are not supported" },
            {
                "x-appliance: {backup: {}}",
                "5:19: error: services.web.x-appliance.backup: x-appliance.backup is not supported by this version"
            },
            {
                "x-appliance: {probe: []}",
                "5:19: error: services.web.x-appliance.probe: unknown key; did you mean \"probes\"?"
            },
            {
                "x-appliance: {probes: [{interval: 1s}]}",
                "5:28: error: services.web.x-appliance.probes[0]: a probe has exactly one of http, tcp, exec and grpc"
            },
            {
                "x-appliance: {probes: [{tcp: {}}]}",
                "5:29: error: services.web.x-appliance.probes[0].tcp: has no \"port\""
            },
            {
                "x-appliance: {probes: [{tcp: {port: 1}, timeout: 11s}]}",
                "5:54: error: services.web.x-appliance.probes[0].timeout: must not be longer than the interval (10s)"
            },
            {
                "x-appliance: {probes: [{http: {port: 1, path: x}}]}",
                "5:51: error: services.web.x-appliance.probes[0].http.path: must start with \"/\""
            },
            {
                "x-appliance: {probes: [{http: {port: 1, status: 2xx}}]}",
                "5:53: error: services.web.x-appliance.probes[0].http.status: \"2xx\" is not a status"
            },
            {
                "x-appliance: {probes: [{exec: {command: []}}]}",
                "5:45: error: services.web.x-appliance.probes[0].exec.command: must name a program"
            },
        };

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_bad_form_is_reported_where_it_stands(string keys, string expected)
    {
        var findings = Cases.Findings(Cases.Parse(Cases.Service(keys)));
        Assert.StartsWith(expected, Assert.Single(findings));
    }

    [Fact]
    public void All_errors_are_reported_at_once_and_in_order()
    {
        var findings = Cases.Findings(Cases.Parse(Cases.Service("user: 5\nprots: []\nrestart: maybe\nbuild: .")));
        Assert.Equal(
            ["5:11", "6:5", "7:14", "8:5"],
            findings.Select(f => f[..f.IndexOf(": ", StringComparison.Ordinal)])
        );
    }
}
