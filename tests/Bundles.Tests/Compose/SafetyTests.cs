using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>What a release may not reach without a signed allowance, in the spellings that try to get around it.</summary>
public sealed class SafetyTests
{
    [Theory]
    [InlineData("/", "/")]
    [InlineData("//", "/")]
    [InlineData("/srv/..", "/")]
    [InlineData("/proc", "/proc")]
    [InlineData("/proc/1/root", "/proc/1/root")]
    [InlineData("/sys/fs/cgroup", "/sys/fs/cgroup")]
    [InlineData("/dev/sda", "/dev/sda")]
    [InlineData("/etc/passwd", "/etc/passwd")]
    [InlineData("/srv/../etc", "/etc")]
    [InlineData("//etc//ssl/", "/etc/ssl")]
    [InlineData("/./etc", "/etc")]
    [InlineData("/../../etc", "/etc")]
    [InlineData("/run", "/run")]
    [InlineData("/var", "/var")]
    [InlineData("/var/lib", "/var/lib")]
    [InlineData("/var/run", "/run")]
    [InlineData("/var/run/docker.sock", "/run/docker.sock")]
    [InlineData("/var/run/../run/docker.sock", "/run/docker.sock")]
    [InlineData("/var/run/../etc", "/etc")]
    [InlineData("/run/appliance-agent/agent.sock", "/run/appliance-agent/agent.sock")]
    [InlineData("/var/lib/appliance-agent", "/var/lib/appliance-agent")]
    [InlineData("/var/lib/docker/volumes", "/var/lib/docker/volumes")]
    [InlineData("/run/containerd/containerd.sock", "/run/containerd/containerd.sock")]
    [InlineData("/srv/docker.sock", "/srv/docker.sock")]
    [InlineData("/usr/bin", "/usr/bin")]
    public void A_host_path_that_opens_the_host_is_refused_and_can_be_allowed_by_name(string source, string path)
    {
        string[] spellings =
        [
            Cases.Service($"volumes: [\"{source}:/x:ro\"]"),
            Cases.Service($"volumes: [{{type: bind, source: \"{source}\", target: /x}}]"),
            Cases.Service("init: true")
                + $"volumes: {{v: {{driver_opts: {{type: none, o: bind, device: \"{source}\"}}}}}}",
            Cases.Service("init: true") + $"volumes: {{v: {{driver_opts: {{o: \"ro,rbind\", device: \"{source}\"}}}}}}",
        ];
        foreach (var yaml in spellings)
        {
            var finding = Assert.Single(Cases.Findings(Cases.Parse(yaml)));
            Assert.Contains($"may not bind {path}: ", finding);
            Assert.Contains($"(allowance \"bind: {path}\")", finding);

            var allowed = Allow($"bind: {path}");
            RoundTrip.Check(
                Cases.Good(Cases.Parse(yaml, new ComposeOptions { Allowances = allowed })),
                Cases.NoFolder,
                allowed
            );
        }
    }

    [Theory]
    [InlineData("/srv/data")]
    [InlineData("/var/log/app")]
    [InlineData("/var/lib/app")]
    [InlineData("/etcetera")]
    [InlineData("/opt/app")]
    public void Other_host_paths_may_be_bound(string source) =>
        Cases.Good(Cases.Service($"volumes: [\"{source}:/x\"]"));

    [Theory]
    [InlineData("privileged: true", "5:17", "privileged: true")]
    [InlineData("pid: host", "5:10", "pid: host")]
    [InlineData("ipc: host", "5:10", "ipc: host")]
    [InlineData("network_mode: host", "5:19", "network_mode: host")]
    [InlineData("userns_mode: host", "5:18", "userns_mode: host")]
    [InlineData("cap_add: [ALL]", "5:15", "cap_add: ALL")]
    [InlineData("cap_add: [CAP_SYS_ADMIN]", "5:15", "cap_add: SYS_ADMIN")]
    [InlineData("cap_add: [sys_module]", "5:15", "cap_add: SYS_MODULE")]
    [InlineData("cap_add: [DAC_READ_SEARCH]", "5:15", "cap_add: DAC_READ_SEARCH")]
    [InlineData("cap_add: [SYS_PTRACE]", "5:15", "cap_add: SYS_PTRACE")]
    [InlineData("cap_add: [SYS_RAWIO]", "5:15", "cap_add: SYS_RAWIO")]
    [InlineData("security_opt: [\"seccomp:unconfined\"]", "5:20", "security_opt: seccomp=unconfined")]
    [InlineData("security_opt: [apparmor=unconfined]", "5:20", "security_opt: apparmor=unconfined")]
    [InlineData("security_opt: [\"label:disable\"]", "5:20", "security_opt: label=disable")]
    [InlineData("security_opt: [systempaths=unconfined]", "5:20", "security_opt: systempaths=unconfined")]
    public void A_dangerous_right_is_refused_and_can_be_allowed_by_name(string key, string place, string allowance)
    {
        var yaml = Cases.Service(key);
        var finding = Assert.Single(Cases.Findings(Cases.Parse(yaml)));
        Assert.StartsWith(place + ": error: services.web.", finding);
        Assert.EndsWith($"(allowance \"{allowance}\")", finding);

        var allowed = Allow(allowance);
        RoundTrip.Check(
            Cases.Good(Cases.Parse(yaml, new ComposeOptions { Allowances = allowed })),
            Cases.NoFolder,
            allowed
        );
    }

    [Theory]
    [InlineData("devices: [/dev/kvm]")]
    [InlineData("device_cgroup_rules: [\"c 1:3 rw\"]")]
    [InlineData("use_api_socket: true")]
    public void Some_rights_cannot_be_had_at_all(string key) =>
        Assert.Contains(" is forbidden: ", Assert.Single(Cases.Findings(Cases.Parse(Cases.Service(key)))));

    [Theory]
    [InlineData("pid: \"service:db\"")]
    [InlineData("ipc: shareable")]
    [InlineData("network_mode: none")]
    [InlineData("network_mode: \"container:x\"")]
    public void Shared_namespaces_are_not_supported(string key) =>
        Assert.Contains(
            "each container has a namespace of its own",
            Assert.Single(Cases.Findings(Cases.Parse(Cases.Service(key))))
        );

    [Theory]
    [InlineData("secrets: [{source: f, target: ../../etc/x}]", "5:35", "\"../../etc/x\" must not contain \"..\"")]
    [InlineData("secrets: [{source: f, target: /run/../etc/x}]", "5:35", "\"/run/../etc/x\" must not contain \"..\"")]
    [InlineData("secrets: [{source: f, target: /proc/x}]", "5:35", "nothing can be mounted on /proc/x")]
    [InlineData("configs: [{source: f, target: /etc/../x}]", "5:35", "\"/etc/../x\" must not contain \"..\"")]
    [InlineData("configs: [{source: f, target: etc/x}]", "5:35", "\"etc/x\" is not an absolute path")]
    [InlineData("configs: [{source: f, target: /sys/x}]", "5:35", "nothing can be mounted on /sys/x")]
    public void A_file_is_mounted_where_it_says_and_not_on_what_the_runtime_owns(
        string mount,
        string place,
        string message
    )
    {
        var folder = Directory.CreateTempSubdirectory("safety-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "f"), "");
            var yaml = Cases.Service(mount) + "secrets: {f: {file: f}}\nconfigs: {f: {content: x}}";
            var finding = Assert.Single(
                Cases.Findings(Cases.Parse(yaml, folder: folder.FullName)),
                f => f.Contains(": error: ", StringComparison.Ordinal)
            );
            Assert.StartsWith($"{place}: error: services.web.{mount[..7]}[0].target: {message}", finding);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void What_is_allowed_of_the_host_may_keep_its_place() =>
        Cases.Good(
            Cases.Parse(
                Cases.Service("volumes: [/sys:/sys:ro]\ntmpfs: [\"/dev/shm:size=64m\"]"),
                new ComposeOptions { Allowances = Allow("bind: /sys") }
            )
        );

    private static Allowances Allow(string what) =>
        new(
            new Dictionary<string, IReadOnlySet<string>>
            {
                ["web"] = new HashSet<string> { what },
                [Allowances.Volumes] = new HashSet<string> { what },
            }
        );
}
