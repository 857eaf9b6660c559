namespace Appliance.Tests.Disks;

/// <summary>A disk in a file of the host: what a machine boots from, and what is looked at when it is off.</summary>
/// <param name="Path">The file.</param>
/// <param name="Format"><c>raw</c> or <c>qcow2</c>.</param>
internal sealed record DiskImage(string Path, string Format)
{
    public static DiskImage Raw(string path) => new(path, "raw");

    public static DiskImage Qcow2(string path) => new(path, "qcow2");

    /// <summary>For a machine: what it writes goes to a layer that goes away with it, and never to this file.</summary>
    public Overlay Overlay() => new(this);

    /// <summary>Makes a layer over this disk at <paramref name="path"/>: to be kept over several machines.</summary>
    public async Task<DiskImage> OverlayAsync(string path, CancellationToken ct, long? size = null)
    {
        string[] arguments =
        [
            "create",
            "-q",
            "-f",
            "qcow2",
            "-b",
            System.IO.Path.GetFullPath(Path),
            "-F",
            Format,
            path,
        ];
        await Tool.RunAsync("qemu-img", size is { } bytes ? [.. arguments, $"{bytes}"] : arguments, ct);
        return Qcow2(path);
    }

    /// <summary>Writes what this disk holds to a new file, sparsely.</summary>
    public async Task<DiskImage> ConvertAsync(string path, string format, CancellationToken ct)
    {
        await Tool.RunAsync("qemu-img", ["convert", "-f", Format, "-O", format, Path, path], ct);
        return new(path, format);
    }

    /// <summary>Asks qemu-img whether the file is sound; space that a killed machine leaked is.</summary>
    public async Task CheckAsync(CancellationToken ct)
    {
        const int leaksOnly = 3;
        var check = await Tool.TryAsync("qemu-img", ["check", "-f", Format, Path], ct);
        if (check.ExitCode is not 0 and not leaksOnly)
            throw check.Failure();
    }

    /// <summary>Its partitions, in the order of the table.</summary>
    public async Task<IReadOnlyList<Partition>> PartitionsAsync(CancellationToken ct)
    {
        var head = System.IO.Path.GetTempFileName();
        try
        {
            await ExtractAsync(0, PartitionTable.Length, head, ct);
            return PartitionTable.Parse(await File.ReadAllBytesAsync(head, ct));
        }
        finally
        {
            File.Delete(head);
        }
    }

    /// <summary>Copies a partition to a file of its own, sparsely.</summary>
    /// <param name="number">Counted from 1.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="ct">Cancels it.</param>
    public async Task<Ext4> ExtractPartitionAsync(int number, string path, CancellationToken ct)
    {
        var partition =
            (await PartitionsAsync(ct)).FirstOrDefault(p => p.Number == number)
            ?? throw new InvalidDataException($"{Path} has no partition {number}");
        await ExtractAsync(partition.Offset, partition.Size, path, ct);
        return new(path);
    }

    private async Task ExtractAsync(long offset, long size, string path, CancellationToken ct)
    {
        // A window on the disk's content, whatever its format and its layers.
        var file = new Dictionary<string, object>
        {
            ["driver"] = "file",
            ["filename"] = System.IO.Path.GetFullPath(Path),
        };
        object inner = Format == "raw" ? file : new Dictionary<string, object> { ["driver"] = Format, ["file"] = file };
        var window = new Dictionary<string, object>
        {
            ["driver"] = "raw",
            ["offset"] = offset,
            ["size"] = size,
            ["file"] = inner,
        };
        await Tool.RunAsync(
            "qemu-img",
            ["convert", "-U", "-O", "raw", "json:" + System.Text.Json.JsonSerializer.Serialize(window), path],
            ct
        );
    }
}

/// <summary>A disk whose changes go away with the machine.</summary>
internal sealed record Overlay(DiskImage Base);
