using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Appliance.Testing;
using Appliance.Tests.Disks;
using Appliance.Tests.WriteLogs;

namespace Appliance.Tests.Machines;

/// <summary>
/// A virtual machine as a customer's hypervisor would run the image: UEFI, virtio, a serial console; driven and looked at
/// from outside. At most two of all tests run at a time; a test holds one at a time.
/// </summary>
internal sealed partial class Machine : IAsyncDisposable
{
    private const string FirmwareVariables = "/usr/share/OVMF/OVMF_VARS_4M.fd";

    private static readonly SemaphoreSlim Slots = new(2);

    private readonly ScratchFolder folder = new();
    private readonly MachineOptions options;
    private readonly Evidence evidence;
    private readonly Dictionary<int, int> hostPorts = [];
    private readonly SemaphoreSlim resetHappened = new(0);
    private BoundProcess? emulator;
    private Qmp? qmp;
    private int resets;
    private readonly long since = TimeProvider.System.GetTimestamp();
    private TaskCompletionSource off = new();
    private volatile bool powerIsCut;
    private volatile string? endedBy;
    private bool startedBefore;
    private bool succeeded;

    private Machine(MachineOptions options)
    {
        this.options = options;
        evidence = Evidence.OfThisTest();
        Console = new(Failure);
        off.SetResult();
    }

    /// <summary>What it prints, and a root shell on it.</summary>
    public SerialConsole Console { get; }

    /// <summary>What it boots from. Look at it when the machine is off; a throw-away one goes with the machine.</summary>
    public DiskImage Disk { get; private set; } = DiskImage.Raw("");

    /// <summary>How often the guest was reset since it was powered on first.</summary>
    public int Resets => Volatile.Read(ref resets);

    /// <summary>Whether it is powered on; while it is reset, too.</summary>
    public bool IsOn => !off.Task.IsCompleted;

    /// <summary>QEMU's process.</summary>
    public int Pid => emulator?.Pid ?? throw new InvalidOperationException("the machine was never on");

    /// <summary>The log of what was written to the disk, when <see cref="MachineOptions.LogWrites"/>.</summary>
    public string WriteLogPath => folder["writes.log"];

    /// <summary>What is in that log so far: what a test does next comes after that many flushes.</summary>
    public LogSurvey Writes()
    {
        using var log = WriteLog.Open(WriteLogPath, long.MaxValue);
        return log.Survey();
    }

    /// <summary>Starts a machine whose changes to the disk go away with it.</summary>
    public static async Task<Machine> StartAsync(Overlay disk, MachineOptions options, CancellationToken ct)
    {
        var machine = new Machine(options);
        return await machine.StartAsync(async () => await disk.Base.OverlayAsync(machine.folder["disk.qcow2"], ct), ct);
    }

    /// <summary>Starts a machine that writes to the disk itself.</summary>
    public static Task<Machine> StartAsync(DiskImage disk, MachineOptions options, CancellationToken ct) =>
        new Machine(options).StartAsync(() => Task.FromResult(disk), ct);

    /// <summary>The port of the loopback interface where the host reaches a port of the guest.</summary>
    public int HostPort(int guestPort) => hostPorts[guestPort];

    /// <summary>The address at which the host reaches a port of the guest.</summary>
    public Uri Url(int guestPort) => new($"http://127.0.0.1:{HostPort(guestPort)}/");

    /// <summary>Powers on a machine that went off: same disk, same firmware variables, same forwarded ports.</summary>
    public async Task PowerOnAsync(CancellationToken ct)
    {
        if (IsOn)
            throw new InvalidOperationException("the machine is on");
        // QEMU goes on where the log's superblock says, which a killed one left behind.
        if (options.LogWrites && powerIsCut)
            throw new InvalidOperationException("a log of writes is not continued after the power was cut");
        powerIsCut = false;
        await StartEmulatorAsync(ct);
        off = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = LiveAsync();
    }

    /// <summary>Presses the power button; the guest shuts down if it wants to.</summary>
    public Task PressPowerButtonAsync(CancellationToken ct) => QmpAsync("system_powerdown", ct);

    /// <summary>Presses the reset button.</summary>
    public Task PressResetButtonAsync(CancellationToken ct) => QmpAsync("system_reset", ct);

    /// <summary>Stops the guest's processors.</summary>
    public Task PauseAsync(CancellationToken ct) => QmpAsync("stop", ct);

    /// <summary>Lets them go on.</summary>
    public Task ResumeAsync(CancellationToken ct) => QmpAsync("cont", ct);

    /// <summary>Any command of QMP.</summary>
    public Task<JsonNode?> QmpAsync(string command, CancellationToken ct, JsonObject? arguments = null) =>
        (qmp ?? throw new InvalidOperationException("the machine was never on")).RunAsync(command, arguments, ct);

    /// <summary>
    /// Cuts the power: QEMU is killed. What the guest wrote and did not flush may be lost (it is, where the disk's format
    /// keeps its tables in memory until a flush, as qcow2 does); what it flushed is there.
    /// </summary>
    public async Task CutPowerAsync(CancellationToken ct)
    {
        powerIsCut = true;
        if (emulator is not null)
            await emulator.KillAsync(ct);
        await off.Task.WaitAsync(ct);
    }

    /// <summary>Ends QEMU in order and the guest at once: all that was written, and logged, is in the files.</summary>
    public async Task QuitAsync(CancellationToken ct, TimeSpan? within = null)
    {
        await QmpAsync("quit", ct);
        await WaitForOffAsync(ct, within);
    }

    /// <summary>Waits until the guest has powered off.</summary>
    /// <exception cref="MachineException">The deadline passed.</exception>
    public async Task WaitForOffAsync(CancellationToken ct, TimeSpan? within = null)
    {
        var limit = within ?? SerialConsole.Patience;
        try
        {
            await off.Task.WaitAsync(limit, TimeProvider.System, ct);
        }
        catch (TimeoutException e)
        {
            throw Failure($"not within {limit.TotalSeconds:0.#} s: the machine goes off", e);
        }
    }

    /// <summary>Presses the power button and waits until the guest has shut down.</summary>
    public async Task ShutDownAsync(CancellationToken ct, TimeSpan? within = null)
    {
        await PressPowerButtonAsync(ct);
        await WaitForOffAsync(ct, within);
    }

    /// <summary>Waits until the guest was reset more often than <paramref name="after"/>: take that from <see cref="Resets"/> before the cause.</summary>
    /// <exception cref="MachineException">The deadline passed, or the machine went off.</exception>
    public async Task WaitForResetAsync(int after, CancellationToken ct, TimeSpan? within = null)
    {
        var limit = within ?? SerialConsole.Patience;
        using var deadline = new CancellationTokenSource(limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        while (Resets <= after)
        {
            try
            {
                await Task.WhenAny(resetHappened.WaitAsync(either.Token), off.Task).WaitAsync(either.Token);
            }
            catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
            {
                throw Failure($"not within {limit.TotalSeconds:0.#} s: the guest is reset", e);
            }
            if (either.IsCancellationRequested)
            {
                ct.ThrowIfCancellationRequested();
                throw Failure($"not within {limit.TotalSeconds:0.#} s: the guest is reset", new TimeoutException());
            }
            if (!IsOn && Resets <= after)
                throw Failure("the machine went off, and a reset was awaited", null);
        }
    }

    /// <summary>Has the logged-in guest reboot, and waits until it starts anew.</summary>
    public async Task RebootAsync(CancellationToken ct, TimeSpan? within = null)
    {
        var before = Resets;
        Console.Type("systemctl reboot");
        await WaitForResetAsync(before, ct, within);
    }

    /// <summary>The guest's journal, off the disk of a machine that is off.</summary>
    public Task<string> JournalAsync(CancellationToken ct) => Journal.ReadAsync(Disk, folder.Path, ct);

    /// <summary>Nothing more is wanted of its disk, whatever becomes of the test: no evidence is taken off it.</summary>
    public void Succeeded() => succeeded = true;

    /// <summary>Ends it if it runs. If the test failed, its console, its journal and QEMU's words are kept first.</summary>
    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2), TimeProvider.System);
        try
        {
            await CutPowerAsync(deadline.Token);
        }
        finally
        {
            qmp?.Dispose();
            Console.Dispose();
            Slots.Release();
            await evidence.AddAsync(await RemainsAsync(deadline.Token));
            resetHappened.Dispose();
        }
    }

    // A disk that is the test's own is gone when it is known how the test ended: the part with the journal is copied.
    private async Task<Evidence.Remains> RemainsAsync(CancellationToken ct)
    {
        if (Path.GetDirectoryName(Disk.Path) == folder.Path)
            return new(folder, Disk, Data: null);
        if (succeeded)
            return new(folder, Disk: null, Data: null);
        try
        {
            return new(folder, Disk: null, await Disk.ExtractPartitionAsync(Journal.Partition, folder["kept.img"], ct));
        }
        catch (Exception e)
            when (e is InvalidOperationException or InvalidDataException or IOException or OperationCanceledException)
        {
            // A disk without that partition, as an empty one: there is no journal.
            return new(folder, Disk: null, Data: null);
        }
    }

    private async Task<Machine> StartAsync(Func<Task<DiskImage>> disk, CancellationToken ct)
    {
        await Slots.WaitAsync(ct);
        try
        {
            if (!File.Exists(QemuArguments.Firmware))
                throw new InvalidOperationException(
                    $"{QemuArguments.Firmware} is missing: run 'sudo apt-get install ovmf'"
                );
            File.Copy(FirmwareVariables, folder["firmware.fd"]);
            Disk = await disk();
            await PowerOnAsync(ct);
            return this;
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    // A reset within QEMU leaves the emulator so slow that firmware and kernel take five to ten times as long. So a reset
    // ends QEMU, and another starts at once: to the guest that is the same, but for memory, which it may not rely on.
    private async Task LiveAsync()
    {
        try
        {
            while (true)
            {
                await emulator!.Exited;
                await qmp!.Closed;
                var isReset = !powerIsCut && endedBy is "guest-reset" or "host-qmp-system-reset";
                await Console.ForgetAsync(staysOff: !isReset);
                if (!isReset)
                    break;
                await StartEmulatorAsync(CancellationToken.None);
                Interlocked.Increment(ref resets);
                resetHappened.Release();
                // The power may have been cut while there was no emulator.
                if (powerIsCut)
                    await emulator.KillAsync(CancellationToken.None);
            }
            off.TrySetResult();
        }
        // Nobody awaits this: whatever it is, it is for those who wait for the machine.
        catch (Exception e)
        {
            await Console.ForgetAsync(staysOff: true).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (powerIsCut)
                off.TrySetResult();
            else
                off.TrySetException(e);
        }
    }

    private async Task StartEmulatorAsync(CancellationToken ct)
    {
        foreach (var socket in new[] { "console.sock", "qmp.sock" })
            File.Delete(folder[socket]);
        endedBy = null;
        qmp?.Dispose();
        qmp = null;
        // A log of writes is continued after a reset.
        if (options.LogWrites && !startedBefore)
            File.WriteAllBytes(WriteLogPath, []);
        var clock = options.Clock + TimeProvider.System.GetElapsedTime(since);
        var arguments = new QemuArguments(options, Disk, folder, hostPorts, clock, WriteLogPath, startedBefore);
        emulator = await BoundProcess.StartAsync("qemu-system-x86_64", arguments.All(), folder["qemu.log"]);
        try
        {
            // QEMU waits for a reader of the console, so that its first word is not lost.
            await ConnectAsync("console.sock", path => Console.ConnectAsync(path, ct), ct);
            await ConnectAsync("qmp.sock", async path => qmp = await Qmp.ConnectAsync(path, OnEvent, ct), ct);
            await FindPortsAsync(ct);
        }
        catch (Exception e)
        {
            await emulator.KillAsync(CancellationToken.None);
            throw e is OperationCanceledException ? e : Failure("QEMU does not start", e);
        }
        startedBefore = true;
    }

    private void OnEvent(string name, JsonNode? data)
    {
        if (name == "SHUTDOWN")
            endedBy = (string?)data?["reason"];
    }

    private async Task ConnectAsync(string name, Func<string, Task> connect, CancellationToken ct)
    {
        var path = folder[name];
        await Eventually.TrueAsync(
            $"QEMU listens on {name}",
            async _ =>
            {
                if (emulator!.Exited.IsCompleted)
                    throw new IOException("QEMU ended: " + File.ReadAllText(folder["qemu.log"]));
                try
                {
                    await connect(path);
                    return true;
                }
                catch (System.Net.Sockets.SocketException)
                {
                    return false;
                }
            },
            ct,
            TimeSpan.FromSeconds(60)
        );
    }

    private async Task FindPortsAsync(CancellationToken ct)
    {
        if (!options.Network || options.Forward.Count == 0)
            return;
        var table = (string?)await QmpAsync("human-monitor-command", ct, new() { ["command-line"] = "info usernet" });
        hostPorts.Clear();
        foreach (Match row in Forwarded().Matches(table!))
            hostPorts[int.Parse(row.Groups["guest"].ValueSpan, CultureInfo.InvariantCulture)] = int.Parse(
                row.Groups["host"].ValueSpan,
                CultureInfo.InvariantCulture
            );
    }

    private MachineException Failure(string what, Exception? inner)
    {
        var log = folder["qemu.log"];
        var said = File.Exists(log) ? File.ReadAllText(log).Trim() : "";
        return new(
            $"{what}\nKept in {evidence.Folder}: the console and the journal{(said.Length > 0 ? "\nQEMU: " + said : "")}\nThe console's end:\n{Console.Tail()}",
            inner
        );
    }

    // Protocol[State] FD source-address source-port dest-address dest-port …
    [GeneratedRegex(
        @"TCP\[HOST_FORWARD\]\s+\S+\s+\S+\s+(?<host>[0-9]+)\s+\S+\s+(?<guest>[0-9]+)",
        RegexOptions.NonBacktracking
    )]
    private static partial Regex Forwarded();
}
