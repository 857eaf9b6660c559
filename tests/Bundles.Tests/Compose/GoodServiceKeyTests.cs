namespace Appliance.Bundles.Tests.Compose;

/// <summary>Every key of a service in its good forms, beside the canonical form of what was understood.</summary>
public sealed class GoodServiceKeyTests
{
    public static TheoryData<string, string> Forms =>
        new()
        {
            // command, entrypoint
            {
                "command: echo 'a b' \"c \\\" d\" e\\ f",
                "command:\n  - echo\n  - \"a b\"\n  - \"c \\\" d\"\n  - \"e f\""
            },
            { "command: [a, \"\", \"$$HOME\"]", "command:\n  - a\n  - \"\"\n  - \"$$HOME\"" },
            { "command: []", "command: []" },
            { "command:", "" },
            { "entrypoint: \"\"", "entrypoint: []" },
            { "entrypoint: /run.sh --fast", "entrypoint:\n  - /run.sh\n  - \"--fast\"" },
            // environment
            {
                "environment: {A: x, B: 1, C: true, D: \"\", E: \"yes\", F: no}",
                "environment:\n  A: x\n  B: \"1\"\n  C: \"true\"\n  D: \"\"\n  E: \"yes\"\n  F: \"no\""
            },
            { "environment: [A=x=y, B=]", "environment:\n  A: x=y\n  B: \"\"" },
            { "environment: {discovery.type: one}", "environment:\n  discovery.type: one" },
            // ports, expose
            { "ports: [80]", Ports((null, null, 80, "tcp")) },
            { "ports: [\"8080:80\"]", Ports((null, 8080, 80, "tcp")) },
            { "ports: [127.0.0.1:8080:80/udp]", Ports(("127.0.0.1", 8080, 80, "udp")) },
            { "ports: [\"127.0.0.1::80\"]", Ports(("127.0.0.1", null, 80, "tcp")) },
            { "ports: [\"[::1]:53:53/UDP\"]", Ports(("::1", 53, 53, "udp")) },
            { "ports: [9000-9001:80-81]", Ports((null, 9000, 80, "tcp"), (null, 9001, 81, "tcp")) },
            { "ports: [80-81]", Ports((null, null, 80, "tcp"), (null, null, 81, "tcp")) },
            {
                "ports: [{target: 80, published: \"8080\", host_ip: 127.0.0.1, protocol: udp, mode: host}]",
                Ports(("127.0.0.1", 8080, 80, "udp"))
            },
            { "ports: [{target: 80, published: 8080}]", Ports((null, 8080, 80, "tcp")) },
            { "expose: [3000, \"4000-4001/udp\"]", "expose:\n  - \"3000/tcp\"\n  - \"4000/udp\"\n  - \"4001/udp\"" },
            // volumes, tmpfs
            {
                "volumes: [/srv/data/:/data:ro]",
                "volumes:\n  - type: bind\n    source: /srv/data\n    target: /data\n    read_only: true\n    bind:\n      create_host_path: true"
            },
            {
                "volumes: [{type: bind, source: /srv//x, target: /data/../d, bind: {create_host_path: false}}]",
                "volumes:\n  - type: bind\n    source: /srv/x\n    target: /d\n    bind:\n      create_host_path: false"
            },
            {
                "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1048576, mode: 01777}}]",
                "volumes:\n  - type: tmpfs\n    target: /t\n    tmpfs:\n      size: 1m\n      mode: \"01777\""
            },
            { "tmpfs: /var/run/x", "volumes:\n  - type: tmpfs\n    target: /var/run/x" },
            { "tmpfs: [\"/x:size=64m,mode=700,noexec\"]", "tmpfs:\n  - /x:size=64m,mode=0700,noexec" },
            // names and addresses
            { "hostname: web-1\ndomainname: example.com", "hostname: web-1\ndomainname: example.com" },
            { "user: \"1000:1000\"\nworking_dir: /app", "user: \"1000:1000\"\nworking_dir: /app" },
            {
                "extra_hosts: [\"a:10.0.0.1\", \"b=::1\", \"h:host-gateway\"]",
                "extra_hosts:\n  - a=10.0.0.1\n  - b=::1\n  - h=host-gateway"
            },
            {
                "extra_hosts: {a: 10.0.0.1, b: [10.0.0.2, 10.0.0.3]}",
                "extra_hosts:\n  - a=10.0.0.1\n  - b=10.0.0.2\n  - b=10.0.0.3"
            },
            {
                "dns: 10.0.0.1\ndns_search: [a.b]\ndns_opt: [ndots:2]",
                "dns:\n  - \"10.0.0.1\"\ndns_search:\n  - a.b\ndns_opt:\n  - ndots:2"
            },
            // health
            { "healthcheck: {test: curl -f x}", "healthcheck:\n  test:\n    - CMD-SHELL\n    - \"curl -f x\"" },
            { "healthcheck: {disable: true}", "healthcheck:\n  test:\n    - NONE" },
            {
                "healthcheck: {test: [CMD, x], interval: 1m30s, timeout: 1500ms, retries: 3, start_period: 0s, start_interval: 1h}",
                "healthcheck:\n  test:\n    - CMD\n    - x\n  interval: 1m30s\n  timeout: 1s500ms\n  retries: 3\n  start_period: 0s\n  start_interval: 1h"
            },
            {
                "x-appliance: {probes: [{tcp: {port: 80}, interval: 2s}]}",
                "x-appliance:\n  probes:\n    - tcp:\n        port: 80\n      interval: 2s\n      timeout: 2s\n      start-period: 0s\n      healthy-after: 1\n      unhealthy-after: 3"
            },
            {
                "x-appliance: {probes: [{http: {port: 80, scheme: https, status: \"200, 401-403\"}, timeout: 1s, healthy-after: 2}]}",
                "x-appliance:\n  probes:\n    - http:\n        port: 80\n        path: /\n        scheme: https\n        status: \"200,401-403\"\n      interval: 10s\n      timeout: 1s\n      start-period: 0s\n      healthy-after: 2\n      unhealthy-after: 3"
            },
            // life
            { "restart: \"no\"", "restart: \"no\"" },
            { "restart: no", "restart: \"no\"" },
            { "restart: on-failure:3", "restart: on-failure:3" },
            { "restart: always", "restart: always" },
            { "stop_signal: SIGRTMIN+3", "stop_signal: SIGRTMIN+3" },
            { "init: false", "init: false" },
            { "profiles: [debug, a1]", "profiles:\n  - debug\n  - a1" },
            // deploy and the older names for limits
            {
                "deploy: {mode: replicated, replicas: 2, labels: [a=b]}",
                "deploy:\n  replicas: 2\n  labels:\n    a: b"
            },
            {
                "deploy: {resources: {limits: {cpus: \"0.50\", memory: 1.5g, pids: 10}, reservations: {cpus: 0.25, memory: 64M}}}",
                "deploy:\n  resources:\n    limits:\n      cpus: \"0.5\"\n      memory: 1536m\n      pids: 10\n    reservations:\n      cpus: \"0.25\"\n      memory: 64m"
            },
            {
                "cpus: 2\nmem_limit: 1gb\nmem_reservation: 512m\npids_limit: -1",
                "deploy:\n  resources:\n    limits:\n      cpus: \"2\"\n      memory: 1g\n    reservations:\n      memory: 512m"
            },
            {
                "deploy: {update_config: {parallelism: 0, delay: 5s, failure_action: rollback, max_failure_ratio: 0, order: start-first}}",
                "deploy:\n  update_config:\n    parallelism: 0\n    delay: 5s\n    failure_action: rollback\n    monitor: 5s\n    max_failure_ratio: 0\n    order: start-first"
            },
            // rights
            {
                "cap_add: [net_admin, CAP_CHOWN]\ncap_drop: [ALL]",
                "cap_add:\n  - NET_ADMIN\n  - CHOWN\ncap_drop:\n  - ALL"
            },
            {
                "security_opt: [no-new-privileges, \"apparmor:docker-default\"]",
                "security_opt:\n  - no-new-privileges=true\n  - apparmor=docker-default"
            },
            { "group_add: [docs, 1001]\nread_only: \"true\"", "group_add:\n  - docs\n  - \"1001\"\nread_only: true" },
            {
                "ulimits: {nofile: 1024, memlock: {soft: -1, hard: -1}}",
                "ulimits:\n  nofile:\n    soft: 1024\n    hard: 1024\n  memlock:\n    soft: -1\n    hard: -1"
            },
            { "sysctls: {net.core.somaxconn: 1024}", "sysctls:\n  net.core.somaxconn: \"1024\"" },
            { "shm_size: 64M", "shm_size: 64m" },
            {
                "logging: {driver: local, options: {max-file: 3}}",
                "logging:\n  driver: local\n  options:\n    max-file: \"3\""
            },
            { "labels: {a.b: c, num: 1}", "labels:\n  a.b: c\n  num: \"1\"" },
            { "labels: [a=b=c, bare]", "labels:\n  a: b=c\n  bare: \"\"" },
            { "x-anything: {goes: [here]}", "" },
        };

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_good_form_is_understood(string keys, string canonical)
    {
        var model = Cases.Good(Cases.Service(keys));
        Assert.Equal(canonical, Cases.Canonical(model));
        RoundTrip.Check(model, Cases.NoFolder);
    }

    [Theory]
    [InlineData("stop_grace_period: 1m", 60)]
    [InlineData("image: x", 10)]
    public void The_grace_period_is_ten_seconds_unless_declared(string key, int seconds)
    {
        var model = Cases.Good(
            $"name: t\nservices:\n  a:\n    {(key.StartsWith("image", StringComparison.Ordinal) ? "" : key)}\n    image: x:1\n"
        );
        Assert.Equal(TimeSpan.FromSeconds(seconds), model.Services["a"].StopGracePeriod);
    }

    [Fact]
    public void A_restart_policy_that_is_not_declared_can_be_told_from_one_that_says_no()
    {
        Assert.False(Cases.Good(Cases.Service("init: true")).Services["web"].Restart.Declared);
        Assert.True(Cases.Good(Cases.Service("restart: \"no\"")).Services["web"].Restart.Declared);
    }

    private static string Ports(params (string? Ip, int? Host, int Port, string Protocol)[] ports) =>
        "ports:\n"
        + string.Join(
            '\n',
            ports.Select(p =>
                $"  - target: {p.Port}"
                + (p.Host is null ? "" : $"\n    published: \"{p.Host}\"")
                + (p.Ip is null ? "" : $"\n    host_ip: \"{p.Ip}\"")
                + $"\n    protocol: {p.Protocol}"
            )
        );
}
