using System.Diagnostics;

namespace Appliance.Testing;

/// <summary>A file system of its own, which is soon full. Needs root.</summary>
public sealed class SmallDisk : IDisposable
{
    private readonly string filler;

    /// <summary>Mounts one in memory, at a folder that is made if need be.</summary>
    /// <param name="path">Where.</param>
    /// <param name="kibibytes">Its size.</param>
    public SmallDisk(string path, int kibibytes)
        : this(path) => Run("mount", "-t", "tmpfs", "-o", $"size={kibibytes}k", "tmpfs", path);

    private SmallDisk(string path)
    {
        Path = path;
        filler = path + "/filler";
        Directory.CreateDirectory(path);
    }

    /// <summary>As an appliance has it: ext4, on a loop device. It has blocks for metadata, and writes late.</summary>
    /// <param name="path">Where; the image is made beside it.</param>
    /// <param name="mebibytes">The size of the device.</param>
    public static SmallDisk OnLoop(string path, int mebibytes)
    {
        var disk = new SmallDisk(path);
        var image = path + ".ext4";
        using (var file = File.Create(image))
            file.SetLength((long)mebibytes << 20);
        Run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0", image);
        Run("mount", "-o", "loop", image, path);
        // The device has it open, and gives it back with itself.
        File.Delete(image);
        return disk;
    }

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    /// <summary>Takes all that is free but for so many bytes.</summary>
    public void Fill(long leaving = 0)
    {
        using var file = new FileStream(filler, FileMode.Create, FileAccess.Write, FileShare.Read, 1);
        var piece = new byte[4096];
        // What was set aside for metadata is free once all is written: one that is full is asked again.
        for (var again = 0; again < 3; again++)
        {
            try
            {
                while (new DriveInfo(Path).AvailableFreeSpace > leaving)
                    file.Write(piece);
            }
            catch (IOException)
            {
                // Full, as wanted.
            }
            file.Flush(flushToDisk: true);
        }
    }

    /// <summary>Gives back what <see cref="Fill"/> took.</summary>
    public void Free() => File.Delete(filler);

    /// <summary>Unmounts it, though it may be in use still; its folder stays.</summary>
    public void Dispose() => Posix.Unmount(Path);

    private static void Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} failed (this test needs root): {error}");
    }
}
