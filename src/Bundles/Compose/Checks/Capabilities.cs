namespace Appliance.Bundles.Compose.Checks;

/// <summary>Linux capabilities (capabilities(7)), and which of them reach out of a container.</summary>
internal static class Capabilities
{
    // What acts on the whole machine, or undoes the walls around the container. The others act on the container's own
    // files, processes and network: NET_ADMIN and NET_RAW among them, since each container has a network stack of its own.
    private static readonly Dictionary<string, string> s_dangerous = new()
    {
        ["ALL"] = "it holds every capability, those that open the host included",
        ["AUDIT_CONTROL"] = "it switches the host's auditing off",
        ["AUDIT_READ"] = "it reads the host's audit log",
        ["BPF"] = "it loads programs into the host's kernel",
        ["CHECKPOINT_RESTORE"] = "it reads other processes' memory maps",
        ["DAC_READ_SEARCH"] = "it opens any file of the host by its handle, and so leaves the container",
        ["MAC_ADMIN"] = "it changes the host's mandatory access control",
        ["MAC_OVERRIDE"] = "it ignores the host's mandatory access control",
        ["PERFMON"] = "it watches the host's kernel and processes",
        ["SYSLOG"] = "it reads the kernel's log and addresses",
        ["SYS_ADMIN"] = "it mounts file systems and much else, and so leaves the container",
        ["SYS_BOOT"] = "it reboots the host and loads another kernel",
        ["SYS_MODULE"] = "it loads modules into the host's kernel",
        ["SYS_PTRACE"] = "it takes over other processes and weakens seccomp",
        ["SYS_RAWIO"] = "it reaches the host's memory and disks past the kernel",
        ["SYS_TIME"] = "it sets the host's clock, on which certificates and updates rely",
    };

    private static readonly string[] s_harmless =
    [
        "AUDIT_WRITE",
        "BLOCK_SUSPEND",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "IPC_LOCK",
        "IPC_OWNER",
        "KILL",
        "LEASE",
        "LINUX_IMMUTABLE",
        "MKNOD",
        "NET_ADMIN",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
        "SYS_NICE",
        "SYS_PACCT",
        "SYS_RESOURCE",
        "SYS_TTY_CONFIG",
        "WAKE_ALARM",
    ];

    public static IEnumerable<string> Known => s_dangerous.Keys.Concat(s_harmless);

    public static bool IsKnown(string name) => s_dangerous.ContainsKey(name) || s_harmless.Contains(name);

    /// <returns>Null if a container may have it.</returns>
    public static string? WhyDangerous(string name) => s_dangerous.GetValueOrDefault(name);
}
