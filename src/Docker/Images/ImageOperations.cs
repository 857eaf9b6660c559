using System.Net;
using System.Runtime.ExceptionServices;

namespace Appliance.Docker;

/// <summary>Images. An image is named by a reference (<c>name:tag</c>) or by its id.</summary>
public sealed class ImageOperations
{
    private const string Root = "/images/";

    private readonly EngineTransport transport;

    internal ImageOperations(EngineTransport transport) => this.transport = transport;

    /// <summary>
    /// Streams a docker-archive to the engine, and returns what it loaded, as the engine names it: references, and ids
    /// of images without one.
    /// </summary>
    /// <param name="archive">
    /// Read once, to its end, and left open. Layers that the engine already holds may be left out.
    /// </param>
    /// <param name="progress">Told how far the engine is; may be null.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <exception cref="DockerEngineException">
    /// The archive is damaged, of another kind, or misses a layer; the status is then 200, because the engine says so
    /// only after it began to answer.
    /// </exception>
    /// <exception cref="IOException">The archive itself could not be read.</exception>
    public async Task<IReadOnlyList<string>> LoadAsync(
        Stream archive,
        IProgress<ImageLoadProgress>? progress,
        CancellationToken ct
    )
    {
        ArgumentNullException.ThrowIfNull(archive);
        using var body = new ArchiveContent(archive);
        try
        {
            await using var answer = await transport.OpenAsync(
                HttpMethod.Post,
                new Query("/images/load").With("quiet", "0"),
                body,
                Timeout.InfiniteTimeSpan,
                ct
            );
            return await ReadLoadedAsync(answer, progress, ct);
        }
        catch (EngineUnavailableException) when (body.SourceFailure is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
            throw;
        }
    }

    /// <summary>All that the engine knows of an image.</summary>
    public Task<ImageInspection> InspectAsync(string image, CancellationToken ct) =>
        transport.GetAsync(Query.Of(Root, image, "/json"), ApiJson.Default.ImageInspection, ct);

    /// <summary>The images that match.</summary>
    public Task<IReadOnlyList<ImageSummary>> ListAsync(ImageQuery query, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        return transport.GetAsync(
            new Query("/images/json")
                .With("all", query.All)
                .Filter("label", query.Labels)
                .Filter("reference", query.References)
                .Filter("dangling", query.Dangling is { } dangling ? [dangling ? "true" : "false"] : []),
            ApiJson.Default.IReadOnlyListImageSummary,
            ct
        );
    }

    /// <summary>Gives an image one more reference, and takes that from the image which had it.</summary>
    public Task TagAsync(string image, string repository, string tag, CancellationToken ct) =>
        transport.ChangeAsync(
            HttpMethod.Post,
            Query.Of(Root, image, "/tag").With("repo", repository).With("tag", tag),
            body: null,
            ct
        );

    /// <summary>Removes a reference, and with the last one the image; by id, the image.</summary>
    /// <param name="image">The reference or id.</param>
    /// <param name="force">Also removes an image with several references, or one that a stopped container uses.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <exception cref="EngineConflictException">A container uses it, or it has several references.</exception>
    public Task<IReadOnlyList<ImageRemoval>> RemoveAsync(string image, bool force, CancellationToken ct) =>
        transport.AskAsync(
            HttpMethod.Delete,
            Query.Of(Root, image).With("force", force),
            body: null,
            transport.Options.ChangeTimeout,
            ApiJson.Default.IReadOnlyListImageRemoval,
            ct
        );

    /// <summary>Images as one docker-archive, streamed; the caller disposes of it.</summary>
    public async Task<Stream> SaveAsync(IReadOnlyList<string> images, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(images);
        var path = new Query("/images/get");
        foreach (var image in images)
            path.With("names", image);
        // The engine packs everything before the first byte, for as long as that takes.
        return await transport.OpenAsync(HttpMethod.Get, path, body: null, Timeout.InfiniteTimeSpan, ct);
    }

    private async Task<IReadOnlyList<string>> ReadLoadedAsync(
        EngineStream answer,
        IProgress<ImageLoadProgress>? progress,
        CancellationToken ct
    )
    {
        var loaded = new List<string>();
        var lines = JsonStream.ReadAllAsync(
            answer,
            transport.Options.MaxStreamLineBytes,
            ApiJson.Default.ImageLoadProgress,
            ct
        );
        await foreach (var line in lines)
        {
            if ((line.ErrorDetail?.Message ?? line.Error) is { } error)
                throw new DockerEngineException(HttpStatusCode.OK, error);
            progress?.Report(line);
            if (LoadedBy(line.Message) is { } name)
                loaded.Add(name);
        }
        return loaded;
    }

    private static string? LoadedBy(string? message)
    {
        foreach (var prefix in (ReadOnlySpan<string>)["Loaded image: ", "Loaded image ID: "])
        {
            if (message?.StartsWith(prefix, StringComparison.Ordinal) == true)
                return message[prefix.Length..].Trim();
        }
        return null;
    }
}
