using System.Security.Cryptography;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Content;

/// <summary>The files of releases, each release a folder named after its index: whole, or absent.</summary>
internal sealed class ReleaseLibrary(
    ContentStore store,
    IOptions<StorageOptions> storage,
    IOptionsMonitor<ApplicationOptions> application,
    ILogger<ReleaseLibrary> log
)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string shelf = Path.Combine(storage.Value.DataDirectory, "releases");

    /// <summary>
    /// Puts the files of a release in place, or proves and repairs those that are, and reads its Compose file with the
    /// variables of this appliance. Changes nothing that runs.
    /// </summary>
    /// <param name="content">A release whose files are stored; its images need not be.</param>
    /// <exception cref="ContentFullException">The files do not fit.</exception>
    /// <exception cref="IOException">A blob is not stored, or a file cannot be written.</exception>
    public async Task<ReleaseReading> OpenAsync(ReleaseContent content, CancellationToken ct)
    {
        var folder = FolderOf(content.Descriptor.Index.Digest);
        try
        {
            if (Directory.Exists(folder))
                await RepairAsync(content, folder, ct);
            else
                await PlaceAsync(content, folder, ct);
        }
        catch (IOException e) when (ContentFullException.IsReasonFor(e))
        {
            throw store.Full(content.Files.Sum(f => f.Blob.Size), e);
        }

        var options = new ComposeOptions
        {
            Variables = application.CurrentValue.Variables,
            Allowances = content.Document.Allowances,
        };
        var read = await ComposeLoader.LoadAsync(Path.Combine(folder, "compose.yaml"), options, ct);
        return read.Model is { } model
            ? Bind(content, model, folder)
            : new ReleaseReading.Refused([.. read.Errors.Select(e => e.ToString())]);
    }

    /// <summary>Removes the files of every release but those given.</summary>
    /// <param name="keep">Digests of their indexes.</param>
    /// <exception cref="IOException">A folder cannot be removed.</exception>
    public void Collect(IReadOnlySet<string> keep)
    {
        if (!Directory.Exists(shelf))
            return;
        var kept = keep.Select(FolderOf).ToHashSet();
        foreach (var folder in Directory.EnumerateDirectories(shelf).Where(f => !kept.Contains(f)))
        {
            Failpoint.Before(Failpoint.CollectReleases);
            Directory.Delete(folder, recursive: true);
            Failpoint.After(Failpoint.CollectReleases);
        }
    }

    private static ReleaseReading Bind(ReleaseContent content, ComposeModel model, string folder)
    {
        var reasons = new List<string>();
        var document = content.Document;
        if (model.Name != document.Product)
            reasons.Add($"compose.yaml is of \"{model.Name}\", and the release of \"{document.Product}\"");
        if (model.Version is { } version && version.Text != document.Version.Text)
            reasons.Add($"compose.yaml is of version {version.Text}, and the release of {document.Version.Text}");

        var signed = content.Images.ToDictionary(i => Normal(i.Reference));
        var images = new Dictionary<string, ReleaseImage>();
        foreach (var service in model.EnabledServices([]))
        {
            var reference = service.Image.ToString();
            if (signed.TryGetValue(reference, out var image))
                images[reference] = image;
            else
                reasons.Add(
                    $"compose.yaml: services.{service.Name}.image: the release has no image {reference}; check the"
                        + " variables of this appliance (application.variables)"
                );
        }

        return reasons.Count > 0
            ? new ReleaseReading.Refused(reasons)
            : new ReleaseReading.Ready(
                new Release(content.Descriptor.Index.Digest, document.Version.Text, model, folder, images)
            );
    }

    // As the model writes it: a reference without a tag means the tag "latest".
    private static string Normal(string reference) => ImageReference.TryParse(reference)?.ToString() ?? reference;

    private async Task PlaceAsync(ReleaseContent content, string folder, CancellationToken ct)
    {
        var draft = folder + ".part";
        Directory.CreateDirectory(shelf, OwnerOnly);
        // What an agent that was killed had only begun.
        if (Directory.Exists(draft))
            Directory.Delete(draft, recursive: true);
        Directory.CreateDirectory(draft, OwnerOnly);
        foreach (var file in content.Files)
            await WriteAsync(file, PathIn(draft, file), ct);
        foreach (var place in Directory.EnumerateDirectories(draft, "*", SearchOption.AllDirectories).Append(draft))
            DurableFolder.Flush(place);
        Failpoint.Before(Failpoint.PlaceRelease);
        Directory.Move(draft, folder);
        DurableFolder.Flush(shelf);
        Failpoint.After(Failpoint.PlaceRelease);
    }

    private async Task RepairAsync(ReleaseContent content, string folder, CancellationToken ct)
    {
        foreach (var file in content.Files)
        {
            var path = PathIn(folder, file);
            if (await IsAsync(path, file.Blob, ct))
                continue;
            var draft = path + ".part";
            if (File.Exists(draft))
                File.Delete(draft);
            await WriteAsync(file, draft, ct);
            File.Move(draft, path, overwrite: true);
            DurableFolder.Flush(Path.GetDirectoryName(path)!);
            log.FileRepaired(path);
        }
        // A file that the release does not have, a .env for one, would count as if it were signed.
        var known = content.Files.Select(f => PathIn(folder, f)).ToHashSet();
        foreach (var stray in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Except(known).ToList())
            File.Delete(stray);
    }

    private static async Task<bool> IsAsync(string path, Blob blob, CancellationToken ct)
    {
        try
        {
            await using var file = File.OpenRead(path);
            if (file.Length != blob.Size)
                return false;
            return $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(file, ct))}" == blob.Digest;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    private async Task WriteAsync(ReleaseFile file, string path, CancellationToken ct)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, OwnerOnly);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        await using var from = store.OpenRead(file.Blob);
        await using (var to = new FileStream(path, options))
        {
            await from.CopyToAsync(to, ct);
            to.Flush(flushToDisk: true);
        }
        if (await IsAsync(path, file.Blob, ct))
            return;
        // Gone, so that a bundle that brings it again puts it right.
        store.Discard(file.Blob);
        throw new IOException(
            $"{file.Path} of the release is damaged where it is stored ({file.Blob.Digest}); send its bundle again"
        );
    }

    private static string PathIn(string folder, ReleaseFile file) => Path.Combine(folder, file.Path);

    private string FolderOf(string digest) => Path.Combine(shelf, digest["sha256:".Length..]);
}
