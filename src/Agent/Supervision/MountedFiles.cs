using System.Runtime.InteropServices;
using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Agent.Supervision;

/// <summary>
/// Keeps the secrets and configs of a release where containers mount them from: below the agent's own state, which
/// nobody but root can enter, named by content, owner and mode, so that a name never changes its meaning.
/// </summary>
internal sealed partial class MountedFiles(IOptions<StorageOptions> storage)
{
    private readonly Lock gate = new();
    private readonly string folder = Path.Combine(storage.Value.DataDirectory, "files");

    /// <summary>By content, owner and mode.</summary>
    public static string NameOf(ComposeFile file, FileMount mount) =>
        $"{file.Source.Sha256}-{Convert.ToString(mount.Mode, 8)}-{mount.Uid ?? 0}-{mount.Gid ?? 0}";

    /// <summary>Where a file stands once it is put in place.</summary>
    public string PathOf(ComposeFile file, FileMount mount) => Path.Combine(folder, NameOf(file, mount));

    /// <summary>Puts in place what the release's services mount; whole and durable, or not at all.</summary>
    /// <exception cref="IOException">A file cannot be read or written, or changed while it was read.</exception>
    public void PutInPlace(Release release)
    {
        foreach (var service in release.Model.Services.Keys)
            PutInPlace(release, service);
    }

    /// <inheritdoc cref="PutInPlace(Release)"/>
    public void PutInPlace(Release release, string service)
    {
        if (!release.Model.Services.TryGetValue(service, out var mounting))
            return;
        // Services may mount the same file, and start at the same time.
        lock (gate)
        {
            foreach (var (file, mount) in MountsOf(release.Model, mounting))
            {
                var path = PathOf(file, mount);
                if (!File.Exists(path))
                    Put(path, Read(release, file), mount);
            }
        }
    }

    /// <summary>Removes what no release that is kept mounts. Containers of others must be gone.</summary>
    /// <exception cref="IOException">A file cannot be removed.</exception>
    public void Collect(IEnumerable<Release> keep)
    {
        if (!Directory.Exists(folder))
            return;
        var kept = keep.SelectMany(r => r.Model.Services.Values.SelectMany(s => MountsOf(r.Model, s)))
            .Select(m => PathOf(m.File, m.Mount))
            .ToHashSet();
        lock (gate)
        {
            foreach (var file in Directory.EnumerateFiles(folder).Where(f => !kept.Contains(f)).ToList())
                File.Delete(file);
        }
    }

    private static IEnumerable<(ComposeFile File, FileMount Mount)> MountsOf(
        ComposeModel model,
        ComposeService service
    ) =>
        service
            .Secrets.Select(m => (model.Secrets[m.Source], m))
            .Concat(service.Configs.Select(m => (model.Configs[m.Source], m)));

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
        // One that was left behind may have an owner and a mode already with which even root, who is not granted
        // CAP_DAC_OVERRIDE, cannot open it.
        File.Delete(temporary);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var stream = new FileStream(temporary, options))
        {
            stream.Write(bytes);
            var (owner, group) = ((uint)(mount.Uid ?? 0), (uint)(mount.Gid ?? 0));
            if ((owner, group) != (0, 0) && ChangeOwner(stream.SafeFileHandle, owner, group) != 0)
                throw LastError(temporary);
            // After the owner, whose change would take set-id bits away.
            File.SetUnixFileMode(stream.SafeFileHandle, (UnixFileMode)mount.Mode);
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        DurableFolder.Flush(folder);
    }

    private static IOException LastError(string path) => new($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int ChangeOwner(SafeFileHandle file, uint owner, uint group);
}
