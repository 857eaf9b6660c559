using System.Globalization;
using System.Text.Json.Nodes;
using Appliance.Testing;
using Appliance.Tests.Disks;
using Appliance.Tests.Machines;

namespace Appliance.Tests.Userlands;

/// <summary>
/// An appliance's system, engine and agent as they come up from a disk of it, in namespaces of this machine: a boot
/// without firmware, kernel and systemd, in a tenth of an emulated boot's time. Needs root.
/// </summary>
/// <remarks>
/// <para>The programs are the disk's own, and so is the recovery of its file systems but for the kernel, which is this
/// machine's. What only systemd or a kernel's start does is not seen here; <see cref="Machines.Machine"/> is for
/// that.</para>
/// <para>The partitions are copied: the disk is only read. Nothing listens on an address of this machine.</para>
/// </remarks>
internal sealed class Userland : IAsyncDisposable
{
    private const int System = 2;
    private const int Data = 3;
    private const string SystemCopy = "system.img";
    private const string DataCopy = "data.img";

    private static int count;

    private readonly string folder;
    private readonly string name;
    private readonly BoundProcess unshare;

    private Userland(string folder, string name, BoundProcess unshare)
    {
        this.folder = folder;
        this.name = name;
        this.unshare = unshare;
    }

    /// <summary>Starts what a boot from a disk would start.</summary>
    /// <param name="disk">The disk; it is only read.</param>
    /// <param name="folder">For copies and logs; what it held goes away.</param>
    /// <param name="ct">Cancels it.</param>
    public static async Task<Userland> StartAsync(DiskImage disk, string folder, CancellationToken ct)
    {
        if (!Environment.IsPrivilegedProcess)
            throw new InvalidOperationException("file systems are mounted: run the tests with sudo");
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        var system = await disk.ExtractPartitionAsync(System, Path.Combine(folder, SystemCopy), ct);
        var data = await disk.ExtractPartitionAsync(Data, Path.Combine(folder, DataCopy), ct);
        var word = string.Create(
            CultureInfo.InvariantCulture,
            $"appliance-userland-{Environment.ProcessId}-{Interlocked.Increment(ref count)}"
        );
        string[] namespaces = ["--mount", "--net", "--pid", "--ipc", "--uts"];
        var script = Path.Combine(AppContext.BaseDirectory, "Userlands", "userland.sh");
        var process = await BoundProcess.StartAsync(
            "unshare",
            [.. namespaces, "--fork", "--kill-child", "bash", script, system.Path, data.Path, folder, word],
            Path.Combine(folder, "userland.log")
        );
        return new(folder, word, process);
    }

    /// <summary>Loads the page once; null while it does not answer as it should.</summary>
    public async Task<Page?> VisitAsync(CancellationToken ct)
    {
        if (Init() is not { } init)
            return null;
        var got = await Tool.TryAsync(
            "nsenter",
            ["--target", init, "--net", "curl", "--silent", "--fail", "--max-time", "30", "http://127.0.0.1/"],
            ct
        );
        return got.ExitCode == 0 ? Page.Parse(got.Text) : null;
    }

    /// <summary>Loads the page until it answers.</summary>
    public async Task<Page> WaitForPageAsync(CancellationToken ct)
    {
        try
        {
            return await Eventually.GetAsync("the application answers", VisitAsync, ct, Appliance.Patience);
        }
        catch (TimeoutException e)
        {
            throw Failure(e.Message, e);
        }
    }

    /// <summary>Waits until the appliance is well, and nothing is being done to it.</summary>
    public async Task<JsonNode> WaitUntilWellAsync(CancellationToken ct)
    {
        var ran = await WithinAsync(Appliance.UntilWell, ct);
        return ran.ExitCode == 0 ? JsonNode.Parse(ran.Text)! : throw Failure($"it does not get well: {ran.Text}");
    }

    /// <summary>Waits until the agent that runs is one of the image's, or one that came with a release.</summary>
    public async Task WaitForAgentAsync(bool ofImage, CancellationToken ct)
    {
        var last = "";
        try
        {
            await Eventually.TrueAsync(
                $"the agent that runs is {(ofImage ? "the image's" : "the release's")}",
                async token => Appliance.IsAgent(last = (await WithinAsync(Appliance.WhichAgent, token)).Text, ofImage),
                ct,
                Appliance.Patience
            );
        }
        catch (TimeoutException e)
        {
            throw Failure($"{e.Message}, but \"{last.Trim()}\"", e);
        }
    }

    private async Task<Tool> WithinAsync(string command, CancellationToken ct)
    {
        var init = Init() ?? throw Failure("it has ended");
        string[] all = ["--mount", "--net", "--pid", "--ipc", "--uts", "--root", "--wd=/"];
        return await Tool.TryAsync("nsenter", ["--target", init, .. all, "/bin/bash", "-c", command], ct);
    }

    public async ValueTask DisposeAsync()
    {
        // With the first process of its namespace all others end, and then the mounts and the network.
        await unshare.KillAsync(CancellationToken.None);
        await Eventually.TrueAsync(
            "the containers' control groups are empty",
            RemoveControlGroups,
            CancellationToken.None
        );
        File.Delete(Path.Combine(folder, SystemCopy));
        File.Delete(Path.Combine(folder, DataCopy));
    }

    // The first process of its namespace, which is unshare's only child.
    private string? Init()
    {
        if (unshare.Exited.IsCompleted)
            throw Failure($"it ended with {unshare.Exited.Result}");
        var children = File.ReadAllText($"/proc/{unshare.Pid}/task/{unshare.Pid}/children").Split(' ');
        return children[0] is { Length: > 0 } child ? child : null;
    }

    private bool RemoveControlGroups()
    {
        // One tree of them, or one for each controller.
        foreach (var tree in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
        {
            var group = Path.Combine(tree, name);
            if (!Directory.Exists(group))
                continue;
            try
            {
                foreach (var container in Directory.GetDirectories(group))
                    Directory.Delete(container);
                Directory.Delete(group);
            }
            catch (IOException)
            {
                return false;
            }
        }
        return true;
    }

    private MachineException Failure(string what, Exception? inner = null)
    {
        var logs = Directory
            .GetFiles(folder, "*.log")
            .Select(log => $"{Path.GetFileName(log)}:\n{string.Join('\n', File.ReadLines(log).TakeLast(40))}");
        return new($"{what}\n{string.Join('\n', logs)}", inner);
    }
}
