using System.Diagnostics;
using System.Text.Json.Nodes;
using Appliance.Docker;

namespace Appliance.Testing;

/// <summary>
/// A real Docker Engine of a test's own, which may be killed: nothing of it is shared with the machine's engine or with
/// another test's, and nothing of it is left afterwards. Needs root.
/// </summary>
/// <remarks>containerd runs beside dockerd and not below it, so that containers can outlive a killed dockerd.</remarks>
public sealed class PrivateEngine : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly EngineSlot slot;
    private readonly bool liveRestore;
    private string storageDriver = "overlay2";
    private SmallDisk? disk;
    private Process? containerd;
    private Process? dockerd;

    private PrivateEngine(EngineSlot slot, bool liveRestore)
    {
        this.slot = slot;
        this.liveRestore = liveRestore;
        Client = DockerEngine.Connect(Endpoint, TimeProvider.System);
    }

    /// <summary>Where it listens, as <c>unix:///…</c>.</summary>
    public string Endpoint => "unix://" + SocketPath;

    /// <summary>The path of its socket.</summary>
    public string SocketPath => slot.Folder + "/docker.sock";

    /// <summary>A client of it.</summary>
    public DockerEngine Client { get; }

    /// <summary>The process of dockerd.</summary>
    /// <exception cref="InvalidOperationException">It does not run.</exception>
    public int Pid => dockerd?.Id ?? throw new InvalidOperationException("the engine does not run");

    /// <summary>What dockerd has written so far.</summary>
    public string Log => File.Exists(LogPath) ? File.ReadAllText(LogPath) : "";

    private string LogPath => slot.Folder + "/dockerd.log";

    private string ContainerdSocket => slot.Folder + "/containerd.sock";

    /// <summary>Starts an engine whose containers outlive it, and returns when it answers.</summary>
    /// <exception cref="InvalidOperationException">It cannot be started; the message says why.</exception>
    public static Task<PrivateEngine> StartAsync(CancellationToken ct) => StartAsync(liveRestore: true, ct);

    /// <summary>Starts an engine, and returns when it answers.</summary>
    /// <param name="liveRestore">Whether containers outlive it.</param>
    /// <param name="ct">Cancels the start.</param>
    /// <exception cref="InvalidOperationException">It cannot be started; the message says why.</exception>
    public static Task<PrivateEngine> StartAsync(bool liveRestore, CancellationToken ct) =>
        StartAsync(liveRestore, mount: null, ct);

    /// <summary>Starts an engine whose images and containers are on a small disk of its own.</summary>
    /// <param name="mebibytes">The size of the disk.</param>
    /// <param name="ct">Cancels the start.</param>
    /// <exception cref="InvalidOperationException">It cannot be started; the message says why.</exception>
    public static Task<PrivateEngine> StartSmallAsync(int mebibytes, CancellationToken ct) =>
        StartAsync(liveRestore: true, path => new SmallDisk(path, mebibytes * 1024), ct);

    /// <summary>As <see cref="StartSmallAsync"/>, on a file system as appliances have it.</summary>
    /// <param name="mebibytes">The size of the disk.</param>
    /// <param name="ct">Cancels the start.</param>
    public static Task<PrivateEngine> StartOnLoopAsync(int mebibytes, CancellationToken ct) =>
        StartAsync(liveRestore: true, path => SmallDisk.OnLoop(path, mebibytes), ct);

    /// <summary>As <see cref="Disk"/>; null for an engine that has none.</summary>
    public SmallDisk? DiskOrNull => disk;

    /// <summary>The disk of an engine that has a small one.</summary>
    /// <exception cref="InvalidOperationException">It has none.</exception>
    public SmallDisk Disk => DiskOrNull ?? throw new InvalidOperationException("the engine has no disk of its own");

    private static async Task<PrivateEngine> StartAsync(
        bool liveRestore,
        Func<string, SmallDisk>? mount,
        CancellationToken ct
    )
    {
        if (!Environment.IsPrivilegedProcess)
            throw new InvalidOperationException("a Docker Engine of one's own needs root: run the tests with sudo");
        Require("dockerd");
        Require("containerd");
        var engine = new PrivateEngine(EngineSlot.Take(), liveRestore);
        try
        {
            if (mount is not null)
            {
                Directory.CreateDirectory(engine.slot.Folder);
                engine.disk = mount(engine.slot.Folder + "/data");
            }
            await engine.StartContainerdAsync(ct);
            await engine.StartFirstTimeAsync(ct);
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills dockerd alone, as a crash would.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        Posix.Kill(Pid, Posix.SigKill);
        await EndAsync(ct);
    }

    /// <summary>Lets dockerd shut down.</summary>
    public async Task StopAsync(CancellationToken ct)
    {
        Posix.Kill(Pid, Posix.SigTerm);
        await EndAsync(ct);
    }

    /// <summary>Waits until somebody else has ended dockerd.</summary>
    public Task EndedAsync(CancellationToken ct) => EndAsync(ct);

    /// <summary>Where dockerd writes its process id.</summary>
    public string PidFile => slot.Folder + "/dockerd.pid";

    /// <summary>Where it keeps images and containers.</summary>
    public string DataFolder => slot.Folder + "/data";

    /// <summary>Starts dockerd again after <see cref="KillAsync"/> or <see cref="StopAsync"/>.</summary>
    public async Task RestartAsync(CancellationToken ct)
    {
        if (dockerd is not null)
            throw new InvalidOperationException("the engine runs");
        if (!await TryStartAsync(ct))
            throw Failure();
    }

    /// <summary>Ends the engine and all that it runs, and removes every trace.</summary>
    public ValueTask DisposeAsync()
    {
        Client.Dispose();
        slot.Clean();
        dockerd?.Dispose();
        containerd?.Dispose();
        slot.Dispose();
        return ValueTask.CompletedTask;
    }

    private static void Require(string program)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(["/usr/sbin", "/usr/bin"]);
        if (!folders.Any(folder => File.Exists(Path.Combine(folder, program))))
            throw new InvalidOperationException($"{program} is missing: apt-get install docker.io");
    }

    private async Task StartContainerdAsync(CancellationToken ct)
    {
        Directory.CreateDirectory(slot.Folder);
        var config = slot.Folder + "/containerd.toml";
        // Kubernetes' plugin would want a network configuration; the address of the debug socket is global by default.
        await File.WriteAllTextAsync(
            config,
            $"""
            version = 2
            root = "{slot.Folder}/containerd/root"
            state = "{slot.Folder}/containerd/state"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
            [grpc]
              address = "{ContainerdSocket}"
            [ttrpc]
              address = "{ContainerdSocket}.ttrpc"
            """,
            ct
        );
        containerd = Launch(slot.Folder + "/containerd.log", "containerd", "--config", config);
        await Eventually.TrueAsync(
            "containerd listens",
            () => containerd.HasExited ? throw Failure() : File.Exists(ContainerdSocket),
            ct,
            StartLimit
        );
    }

    private async Task StartFirstTimeAsync(CancellationToken ct)
    {
        if (await TryStartAsync(ct))
            return;
        // overlay2 does not work on top of an overlay, as within a container.
        storageDriver = "vfs";
        if (!await TryStartAsync(ct))
            throw Failure();
    }

    private async Task<bool> TryStartAsync(CancellationToken ct)
    {
        var config = slot.Folder + "/daemon.json";
        await File.WriteAllTextAsync(config, Configuration().ToJsonString(), ct);
        var process = Launch(LogPath, "dockerd", "--config-file", config);
        dockerd = process;
        await Eventually.TrueAsync(
            "the engine answers",
            async token => process.HasExited || await AnswersAsync(token),
            ct,
            StartLimit
        );
        if (!process.HasExited)
            return true;
        await EndAsync(ct);
        return false;
    }

    private async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            await Client.System.PingAsync(ct);
            return true;
        }
        catch (EngineUnavailableException)
        {
            return false;
        }
    }

    private JsonObject Configuration() =>
        new()
        {
            ["data-root"] = slot.Folder + "/data",
            ["exec-root"] = slot.Folder + "/exec",
            ["pidfile"] = slot.Folder + "/dockerd.pid",
            ["hosts"] = new JsonArray(Endpoint),
            ["containerd"] = ContainerdSocket,
            ["storage-driver"] = storageDriver,
            ["cgroup-parent"] = slot.CgroupParent,
            ["exec-opts"] = new JsonArray("native.cgroupdriver=cgroupfs"),
            ["live-restore"] = liveRestore,
            ["shutdown-timeout"] = 2,
            // The machine's network stays as it is: published ports go through the userland proxy.
            ["bridge"] = "none",
            ["iptables"] = false,
            ["ip6tables"] = false,
            ["ip-forward"] = false,
            ["default-address-pools"] = new JsonArray(new JsonObject { ["base"] = slot.AddressPool, ["size"] = 24 }),
        };

    // The shell gives way to the program, so that the process is the program's own.
    private static Process Launch(string log, params string[] command)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        foreach (
            var word in (string[])["-c", "log=$1; shift; exec \"$@\" </dev/null >>\"$log\" 2>&1", "sh", log, .. command]
        )
            start.ArgumentList.Add(word);
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/usr/bin:/sbin:/bin";
        return Process.Start(start) ?? throw new InvalidOperationException("no process was started");
    }

    private async Task EndAsync(CancellationToken ct)
    {
        if (dockerd is null)
            return;
        await dockerd.WaitForExitAsync(ct);
        dockerd.Dispose();
        dockerd = null;
        // It would take the next one's for its own.
        File.Delete(slot.Folder + "/dockerd.pid");
    }

    private InvalidOperationException Failure()
    {
        var containerdLog = slot.Folder + "/containerd.log";
        var log = Log.Length > 0 || !File.Exists(containerdLog) ? Log : File.ReadAllText(containerdLog);
        return new($"the engine did not start (it needs root, and `apt-get install docker.io`):\n{Tail(log)}");
    }

    private static string Tail(string text) => text[Math.Max(0, text.Length - 3000)..];
}
