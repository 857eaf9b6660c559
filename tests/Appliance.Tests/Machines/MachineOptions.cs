using Appliance.Tests.Disks;

namespace Appliance.Tests.Machines;

/// <summary>What a machine is made of, besides its disk.</summary>
internal sealed record MachineOptions
{
    /// <summary>Memory, in mebibytes.</summary>
    public int Memory { get; init; } = 1024;

    /// <summary>Processors.</summary>
    public int Cpus { get; init; } = 2;

    /// <summary>TCP ports of the guest that the host reaches; <see cref="Machine.HostPort"/> says where.</summary>
    public IReadOnlyList<int> Forward { get; init; } = [];

    /// <summary>False: the machine has no network card at all. True: one that reaches nothing but the host's forwards.</summary>
    public bool Network { get; init; } = true;

    /// <summary>A disk with files for the guest, writable.</summary>
    public SeedDisk? Seed { get; init; }

    /// <summary>More disks, written to directly.</summary>
    public IReadOnlyList<DiskImage> Disks { get; init; } = [];

    /// <summary>What the clock of the machine says when it is powered on; null: the host's time.</summary>
    public DateTimeOffset? Clock { get; init; }

    /// <summary>A hardware watchdog (i6300esb) that resets the machine.</summary>
    public bool Watchdog { get; init; }

    /// <summary>Whether what is written to the disk is logged, for <see cref="WriteLogs.Replay"/>.</summary>
    public bool LogWrites { get; init; }

    /// <summary>Whether a root shell is offered on the serial console, which no image does by itself.</summary>
    public bool ConsoleLogin { get; init; } = true;

    /// <summary>More systemd credentials, by name.</summary>
    public IReadOnlyDictionary<string, string> Credentials { get; init; } = new Dictionary<string, string>();

    /// <summary>More arguments for QEMU.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}
