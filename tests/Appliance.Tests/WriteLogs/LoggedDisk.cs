using Appliance.Testing;
using Appliance.Tests.Disks;

namespace Appliance.Tests.WriteLogs;

/// <summary>A small raw disk whose writes QEMU logged, without a machine: qemu-io drives it.</summary>
internal sealed class LoggedDisk : IDisposable
{
    public const int Size = 1 << 22;

    private readonly ScratchFolder folder = new();

    public string Log => folder["writes.log"];

    public string Path => folder["disk.raw"];

    /// <summary>What the disk held when the log was begun.</summary>
    public DiskImage Start => DiskImage.Raw(folder["start.raw"]);

    public string Folder => folder.Path;

    public byte[] Content => File.ReadAllBytes(Path);

    public static LoggedDisk Create(int seed)
    {
        var disk = new LoggedDisk();
        var content = new byte[Size];
        new Random(seed).NextBytes(content);
        File.WriteAllBytes(disk.Start.Path, content);
        File.WriteAllBytes(disk.Path, content);
        File.WriteAllBytes(disk.Log, []);
        return disk;
    }

    /// <summary>Runs commands of qemu-io on the disk, and logs what they do.</summary>
    public Task RunAsync(CancellationToken ct, params string[] commands) => RunAsync(append: false, commands, ct);

    /// <summary>Runs more of them, and adds to the log.</summary>
    public Task RunMoreAsync(CancellationToken ct, params string[] commands) => RunAsync(append: true, commands, ct);

    public void Dispose() => folder.Dispose();

    private Task<Tool> RunAsync(bool append, string[] commands, CancellationToken ct) =>
        Tool.RunAsync(
            "qemu-io",
            [
                // Else each write is followed by a flush.
                "--cache=writeback",
                "--image-opts",
                .. commands.SelectMany(command => new[] { "-c", command }),
                "driver=blklogwrites,discard=unmap,"
                    + $"file.driver=file,file.filename={Path},file.discard=unmap,file.cache.no-flush=on,"
                    + $"log.driver=file,log.filename={Log},log.cache.no-flush=on"
                    + (append ? ",log-append=on" : ""),
            ],
            ct
        );
}
