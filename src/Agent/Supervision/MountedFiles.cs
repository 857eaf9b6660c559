using System.Runtime.InteropServices;
using Appliance.Agent.Sources;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Supervision;

/// <summary>
/// Keeps the secrets and configs of a release where containers mount them from: below the agent's own state, which
/// nobody but root can enter, named by content, owner and mode, so that a name never changes its meaning.
/// </summary>
internal sealed partial class MountedFiles(IOptions<StorageOptions> storage)
{
    private readonly string folder = Path.Combine(storage.Value.DataDirectory, "files");

    /// <summary>Where a file stands once it is put in place.</summary>
    public string PathOf(ComposeFile file, FileMount mount) =>
        Path.Combine(
            folder,
            $"{file.Source.Sha256}-{Convert.ToString(mount.Mode, 8)}-{mount.Uid ?? 0}-{mount.Gid ?? 0}"
        );

    /// <summary>Puts in place what the release's services mount; whole and durable, or not at all.</summary>
    /// <exception cref="IOException">A file cannot be read or written, or changed while it was read.</exception>
    public void PutInPlace(Release release)
    {
        var mounts = release.Model.Services.Values.SelectMany(s =>
            s.Secrets.Select(m => (File: release.Model.Secrets[m.Source], Mount: m))
                .Concat(s.Configs.Select(m => (File: release.Model.Configs[m.Source], Mount: m)))
        );
        foreach (var (file, mount) in mounts)
        {
            var path = PathOf(file, mount);
            if (!File.Exists(path))
                Put(path, Read(release, file), mount);
        }
    }

    private static byte[] Read(Release release, ComposeFile file)
    {
        var bytes = file.Source switch
        {
            InlineFile inline => System.Text.Encoding.UTF8.GetBytes(inline.Content),
            FileFromRelease from => File.ReadAllBytes(Path.Combine(release.Folder, from.Path)),
            _ => throw new InvalidOperationException($"no way to read a {file.Source.GetType().Name}"),
        };
        return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)) == file.Source.Sha256
            ? bytes
            : throw new IOException($"{file.Name} changed while it was read");
    }

    private void Put(string path, byte[] bytes, FileMount mount)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var temporary = path + ".part";
        var options = new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var stream = new FileStream(temporary, options))
        {
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }

        if (Chown(temporary, (uint)(mount.Uid ?? 0), (uint)(mount.Gid ?? 0)) != 0)
            throw new IOException($"{temporary}: {Marshal.GetLastPInvokeErrorMessage()}");
        // After the owner, whose change would take set-id bits away.
        File.SetUnixFileMode(temporary, (UnixFileMode)mount.Mode);
        File.Move(temporary, path, overwrite: true);
    }

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Chown(string path, uint owner, uint group);
}
