using Appliance.Agent.Healing;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Drills;

/// <summary>The disk of the agent's state, full but for a reserve, until the agent has said so.</summary>
internal sealed class FillDisk(
    IOptions<StorageOptions> storage,
    IOptionsMonitor<HealingOptions> healing,
    IOptionsMonitor<DrillsOptions> options
) : Disaster
{
    private const string Mounts = "/proc/self/mountinfo";
    private const long Mebibyte = 1024 * 1024;

    // The disks are looked at once a minute.
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(75);

    public override string Name => "fill-disk";

    public override string What => "fills the disk of the agent's state but for a reserve, until the alarm is raised";

    private string Folder => storage.Value.DataDirectory;

    private string Ballast => Path.Combine(Folder, "drill-ballast");

    /// <summary>Halfway between full and the reserve: well below where it counts as full.</summary>
    private long Leave => (healing.CurrentValue.LeastFreeSpace + (long)options.CurrentValue.Reserve) / 2 * Mebibyte;

    public override async Task<string?> WhyNotAsync(Target target, CancellationToken ct)
    {
        var table = await File.ReadAllTextAsync(Mounts, ct);
        // A sandbox mounts the folder by itself, which makes it no other file system.
        if (MountTable.EntryOf(table, Folder)?.Device is var device && device == MountTable.EntryOf(table, "/")?.Device)
            return $"{Folder} is on the root file system, which is not the agent's alone";
        if (options.CurrentValue.Reserve >= healing.CurrentValue.LeastFreeSpace)
            return "drills.reserve is not below healing.least-free-space: the alarm could not be raised";
        return DiskSpace.Of(Folder) switch
        {
            null => $"the disk of {Folder} does not say how much is free",
            { FreeBytes: var free } when free <= Leave => $"the disk of {Folder} is nearly full as it is",
            // What was filled must count as over again, which takes twice the room.
            { FreeBytes: var free } when free < healing.CurrentValue.LeastFreeSpace * Mebibyte * 2 =>
                $"the disk of {Folder} has too little room for the alarm to be over again",
            _ => null,
        };
    }

    public override Expectation Expect(Target target, bool isShort) => new(Course.HeldUntilNoticed, Look, Look);

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        Task.FromResult(
            new Injection(
                $"the disk of {Folder}",
                $"fills the disk of {Folder} but for {Leave / Mebibyte} MiB",
                new Undo(UndoKind.RemoveFile, Ballast, "")
            )
        );

    public override Task InjectAsync(Target target, Injection injection, CancellationToken ct)
    {
        var size = (DiskSpace.Of(Folder)?.FreeBytes ?? 0) - Leave;
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
        return Task.CompletedTask;
    }

    public override string? NoticedIn(SupervisionView view, Target target) =>
        view.Problems.FirstOrDefault(p => p.Cause is Cause.DiskFull)?.Sentence;

    public override bool IsToldBy(StoredEvent e, Target target) => e.Kind == "machine.problem";
}
