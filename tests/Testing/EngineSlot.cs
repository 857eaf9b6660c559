using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Appliance.Testing;

/// <summary>
/// A numbered place for one private engine: a folder, a range of addresses and a cgroup that no other running engine
/// has. The lock is the process's, so what a crashed test left is found unlocked, and cleaned, by the next.
/// </summary>
internal sealed class EngineSlot : IDisposable
{
    private const int Count = 16;

    // Short, for the sockets within, and the same for all test projects.
    private const string Home = "/tmp/appliance-engines";

    private readonly FileStream claim;

    private EngineSlot(int number, FileStream claim)
    {
        Number = number;
        this.claim = claim;
    }

    public int Number { get; }

    public string Folder => $"{Home}/{Number}";

    /// <summary>A part of the range that RFC 2544 sets aside for benchmarks, which no real network uses.</summary>
    public string AddressPool => $"198.{18 + (Number / 8)}.{Number % 8 * 32}.0/19";

    public string CgroupParent => $"/appliance-test-{Number}";

    /// <summary>Takes a free slot, and cleans it and all others that a crashed test left.</summary>
    public static EngineSlot Take()
    {
        Directory.CreateDirectory(Home);
        EngineSlot? taken = null;
        for (var number = 0; number < Count; number++)
        {
            if (TryLock($"{Home}/{number}.lock") is not { } claim)
                continue;
            var slot = new EngineSlot(number, claim);
            slot.Clean();
            if (taken is null)
                taken = slot;
            else
                slot.Dispose();
        }
        return taken ?? throw new InvalidOperationException($"all {Count} engine slots in {Home} are taken");
    }

    /// <summary>Ends every process that this slot's engine left, and removes its mounts, bridges, cgroups and files.</summary>
    public void Clean()
    {
        if (!Directory.Exists(Folder))
            return;
        KillAll();
        foreach (var socket in ShimSockets())
            File.Delete(socket);
        foreach (var mount in MountsBelow(Folder))
            Posix.Unmount(mount);
        foreach (var bridge in Bridges())
            Run("busybox", "ip", "link", "delete", "dev", bridge);
        foreach (var cgroup in Cgroups())
            RemoveCgroup(cgroup);
        Directory.Delete(Folder, recursive: true);
    }

    public void Dispose() => claim.Dispose();

    private static FileStream? TryLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private void KillAll()
    {
        var gone = SpinWait.SpinUntil(
            () =>
            {
                var left = Processes().ToList();
                foreach (var pid in left)
                    Posix.Kill(pid, Posix.SigKill);
                return left.Count == 0;
            },
            TimeSpan.FromSeconds(10)
        );
        if (!gone)
            throw new InvalidOperationException($"processes of {Folder} do not die: {string.Join(' ', Processes())}");
    }

    // The engine, its containerd and its shims have the folder in their command lines; containers are in the cgroup.
    private IEnumerable<int> Processes() =>
        Directory
            .EnumerateDirectories("/proc")
            .Select(path => int.TryParse(Path.GetFileName(path), out var pid) ? pid : 0)
            .Where(pid => pid > 0 && pid != Environment.ProcessId && IsOurs(pid))
            .Concat(Cgroups().SelectMany(Members))
            .Distinct();

    private bool IsOurs(int pid)
    {
        try
        {
            // A zombie has no command line, and is its parent's to bury.
            return File.ReadAllText($"/proc/{pid}/cmdline")
                .Split('\0')
                .Any(word => word.Contains(Folder + "/", StringComparison.Ordinal));
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static IEnumerable<int> Members(string cgroup) =>
        Directory
            .EnumerateFiles(cgroup, "cgroup.procs", SearchOption.AllDirectories)
            .SelectMany(File.ReadAllLines)
            .Select(int.Parse)
            .Where(pid => pid > 0 && !IsZombie(pid));

    private static bool IsZombie(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')')..].StartsWith(") Z", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return true;
        }
    }

    // cgroup v1 has one tree per controller, v2 has one.
    private IEnumerable<string> Cgroups() =>
        Directory
            .EnumerateDirectories("/sys/fs/cgroup")
            .Select(tree => tree + CgroupParent)
            .Append("/sys/fs/cgroup" + CgroupParent)
            .Where(Directory.Exists);

    private static void RemoveCgroup(string cgroup)
    {
        foreach (var child in Directory.GetDirectories(cgroup))
            RemoveCgroup(child);
        // rmdir(2): the files in it are the kernel's, and go with it.
        Run("rmdir", cgroup);
    }

    // A shim that was killed leaves its socket outside its engine's folder.
    private IEnumerable<string> ShimSockets()
    {
        var tasks = Folder + "/containerd/state/io.containerd.runtime.v2.task";
        return !Directory.Exists(tasks)
            ? []
            : Directory
                .EnumerateFiles(tasks, "address", SearchOption.AllDirectories)
                .Select(file => File.ReadAllText(file).Trim())
                .Where(address => address.StartsWith("unix:///run/containerd/s/", StringComparison.Ordinal))
                .Select(address => address["unix://".Length..]);
    }

    private static List<string> MountsBelow(string folder) =>
        [
            .. File.ReadLines("/proc/self/mountinfo")
                .Select(line => line.Split(' ')[4])
                .Where(path => path.StartsWith(folder + "/", StringComparison.Ordinal))
                // What is mounted last is unmounted first.
                .Reverse(),
        ];

    private IEnumerable<string> Bridges()
    {
        var pool = IPNetwork.Parse(AddressPool);
        return NetworkInterface
            .GetAllNetworkInterfaces()
            .Where(nic =>
                nic.Name.StartsWith("br-", StringComparison.Ordinal)
                && nic.GetIPProperties()
                    .UnicastAddresses.Any(own =>
                        own.Address.AddressFamily == AddressFamily.InterNetwork && pool.Contains(own.Address)
                    )
            )
            .Select(nic => nic.Name);
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
    }
}
