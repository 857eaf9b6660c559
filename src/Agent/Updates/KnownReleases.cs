using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>A release that the journal knows, opened from what is stored of it.</summary>
internal sealed record OpenedRelease(ReleaseContent Content, Release Release);

/// <summary>Opens releases by what the journal keeps of them: the signed descriptor, from which everything follows by digest.</summary>
internal sealed class KnownReleases(ContentStore store, ReleaseLibrary library)
{
    /// <exception cref="IOException">Something of it is not stored any more.</exception>
    /// <exception cref="RefusedException">It is not fit for this appliance, as with the variables that it has now.</exception>
    public async Task<OpenedRelease> OpenAsync(KnownRelease known, CancellationToken ct)
    {
        var content = await ReadAsync(known, ct);
        return new OpenedRelease(content, await OpenAsync(content, ct));
    }

    /// <inheritdoc cref="OpenAsync(KnownRelease, CancellationToken)"/>
    public async Task<Release> OpenAsync(ReleaseContent content, CancellationToken ct) =>
        await library.OpenAsync(content, ct) switch
        {
            ReleaseReading.Ready ready => ready.Release,
            ReleaseReading.Refused refused => throw new RefusedException(string.Join("; ", refused.Reasons)),
            var other => throw new InvalidOperationException($"{other}"),
        };

    /// <summary>Whether nothing of it is missing; what is there is not read.</summary>
    public async Task<bool> IsWholeAsync(KnownRelease known, CancellationToken ct)
    {
        try
        {
            var content = await ReadAsync(known, ct);
            return content.Files.All(f => store.Contains(f.Blob))
                && content.Images.All(i => store.Contains(i.Config) && i.Layers.All(store.Contains));
        }
        catch (Exception e) when (e is RefusedException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>What it consists of, without its files.</summary>
    /// <exception cref="IOException">Something of it is not stored any more.</exception>
    public Task<ReleaseContent> ReadAsync(KnownRelease known, CancellationToken ct) =>
        ReleaseContentReader.ReadAsync(
            ReleaseDescriptor.Parse(known.Descriptor),
            (blob, _) => ValueTask.FromResult<Stream>(store.OpenRead(blob)),
            ct
        );
}
