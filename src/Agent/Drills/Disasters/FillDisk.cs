using Appliance.Agent.Healing;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Drills;

/// <summary>
/// The disk of the agent's state, full but for a reserve, until the agent has said so. Where others keep something on it, as the
/// application does, nothing of it is taken: there it counts as full with all that it has free.
/// </summary>
internal sealed class FillDisk(
    IOptions<StorageOptions> storage,
    ISupervisor supervisor,
    FullDiskLimit alarm,
    IOptionsMonitor<DrillsOptions> options
) : Disaster
{
    private const string Mounts = "/proc/self/mountinfo";
    private const long Mebibyte = 1024 * 1024;

    // The disks are looked at once a minute.
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(75);

    public override string Name => "fill-disk";

    public override string What =>
        "fills the disk of the agent's state but for a reserve, or has it count as full where it is not the agent's alone, "
        + "until the alarm is raised";

    private string Folder => storage.Value.DataDirectory;

    private string Ballast => Path.Combine(Folder, "drill-ballast");

    /// <summary>Halfway between full and the reserve: well below where it counts as full.</summary>
    private long Leave => (alarm.ConfiguredBytes + options.CurrentValue.Reserve * Mebibyte) / 2;

    public override async Task<string?> WhyNotAsync(Target target, CancellationToken ct)
    {
        var isAlone = await IsAloneAsync(ct);
        if (isAlone && options.CurrentValue.Reserve * Mebibyte >= alarm.ConfiguredBytes)
            return "drills.reserve is not below healing.least-free-space: the alarm could not be raised";
        return DiskSpace.Of(Folder) switch
        {
            null => $"the disk of {Folder} does not say how much is free",
            { FreeBytes: var free } when isAlone && free <= Leave => $"the disk of {Folder} is nearly full as it is",
            // What was full must count as over again, which takes twice the room.
            { FreeBytes: var free } when free < alarm.ConfiguredBytes * 2 =>
                $"the disk of {Folder} has too little room for the alarm to be over again",
            _ => null,
        };
    }

    public override Expectation Expect(Target target, bool isShort) => new(Course.HeldUntilNoticed, Look, Look);

    public override async Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        await IsAloneAsync(ct)
            ? new Injection(
                $"the disk of {Folder}",
                $"fills the disk of {Folder} but for {Leave / Mebibyte} MiB",
                new Undo(UndoKind.RemoveFile, Ballast, "")
            )
            : new Injection(
                $"the alarm of the disk of {Folder}",
                $"has the disk of {Folder} count as full with all that is free on it: it is not the agent's alone, and "
                    + "nothing of it is taken",
                new Undo(UndoKind.LowerAlarm, Folder, "")
            );

    public override Task InjectAsync(Target target, Injection injection, CancellationToken ct)
    {
        var free = DiskSpace.Of(Folder)?.FreeBytes ?? 0;
        if (injection.Undo is { Kind: UndoKind.LowerAlarm })
            // Above it by so much that no file which is deleted meanwhile ends it.
            alarm.Raise(free * 2);
        else
            Fill(free - Leave);
        return Task.CompletedTask;
    }

    public override string? NoticedIn(SupervisionView view, Target target) =>
        view.Problems.FirstOrDefault(p => p.Cause is Cause.DiskFull)?.Sentence;

    public override bool IsToldBy(StoredEvent e, Target target) => e.Kind == "machine.problem";

    /// <summary>
    /// Whether nobody but the agent keeps anything on the disk of its state. A sandbox mounts that folder by itself, which makes
    /// it no other file system. Pure.
    /// </summary>
    /// <param name="enginesFolder">Where images, containers and their volumes are; "" as long as it is not known.</param>
    public static bool IsAlone(string table, string folder, string enginesFolder) =>
        MountTable.EntryOf(table, folder)?.Device is { } device
        && enginesFolder.Length > 0
        && device != MountTable.EntryOf(table, "/")?.Device
        && device != MountTable.EntryOf(table, enginesFolder)?.Device;

    private async Task<bool> IsAloneAsync(CancellationToken ct) =>
        IsAlone(await File.ReadAllTextAsync(Mounts, ct), Folder, supervisor.View.Engine.Folder);

    private void Fill(long size)
    {
        if (size <= 0)
            throw new InjectionException("it became full meanwhile");
        // Room is taken without writing: neither slow, nor wearing.
        using var file = File.OpenHandle(
            Ballast,
            FileMode.Create,
            FileAccess.Write,
            FileShare.None,
            FileOptions.None,
            size
        );
    }
}
