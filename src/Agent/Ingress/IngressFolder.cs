using Appliance.Agent.Storage;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Ingress;

/// <summary>What ingress keeps below the agent's state, and HAProxy reads as root before it is anybody else.</summary>
internal sealed class IngressFolder(IOptions<StorageOptions> storage)
{
    private const UnixFileMode OwnersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public string Root { get; } = Path.Combine(storage.Value.DataDirectory, "ingress");

    public string Configuration => Path.Combine(Root, "haproxy.cfg");

    /// <summary>The last that is known to run.</summary>
    public string Proven => Configuration + ".proven";

    /// <summary>What is answered while no container is ready, with its head.</summary>
    public string Maintenance => Path.Combine(Root, "maintenance.http");

    public string Certificates => Path.Combine(Root, "certificates");

    /// <summary>The one that is used: key and chain.</summary>
    public string Certificate => Path.Combine(Certificates, "default.pem");

    /// <summary>Makes a file what it is to be, on the disk: whole, or not at all.</summary>
    /// <exception cref="IOException">It cannot be written; what was there is still there.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        WriteNext(path, content);
        Promote(path);
    }

    /// <summary>Writes what is to take a file's place, beside it.</summary>
    /// <returns>Its path.</returns>
    /// <inheritdoc cref="Write"/>
    public static string WriteNext(string path, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, OwnersOnly);
        var next = path + ".next";
        // Its mode is given when it is made: one that was left there may have another.
        File.Delete(next);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using var stream = new FileStream(next, options);
        stream.Write(content);
        stream.Flush(flushToDisk: true);
        return next;
    }

    /// <summary>Has what <see cref="WriteNext"/> wrote take the file's place.</summary>
    /// <inheritdoc cref="Write"/>
    public static void Promote(string path)
    {
        Failpoint.Before(Failpoint.WriteIngress);
        File.Move(path + ".next", path, overwrite: true);
        DurableFolder.Flush(Path.GetDirectoryName(path)!);
        Failpoint.After(Failpoint.WriteIngress);
    }
}
