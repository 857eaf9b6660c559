using System.Diagnostics;

namespace Appliance.Testing;

/// <summary>A file system of its own in memory, which is soon full. Needs root.</summary>
public sealed class SmallDisk : IDisposable
{
    private readonly string filler;

    /// <summary>Mounts it, at a folder that is made if need be.</summary>
    /// <param name="path">Where.</param>
    /// <param name="kibibytes">Its size.</param>
    public SmallDisk(string path, int kibibytes)
    {
        Path = path;
        filler = path + "/filler";
        Directory.CreateDirectory(path);
        var start = new ProcessStartInfo("mount", ["-t", "tmpfs", "-o", $"size={kibibytes}k", "tmpfs", path])
        {
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"mount failed (this test needs root): {error}");
    }

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    /// <summary>Takes all that is free but for so many bytes.</summary>
    public void Fill(long leaving = 0)
    {
        using var file = new FileStream(filler, FileMode.Create, FileAccess.Write, FileShare.Read, 1);
        var piece = new byte[4096];
        try
        {
            while (new DriveInfo(Path).AvailableFreeSpace > leaving)
                file.Write(piece);
        }
        catch (IOException)
        {
            // Full, as wanted.
        }
    }

    /// <summary>Gives back what <see cref="Fill"/> took.</summary>
    public void Free() => File.Delete(filler);

    /// <summary>Unmounts it, though it may be in use still; its folder stays.</summary>
    public void Dispose() => Posix.Unmount(Path);
}
