using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>An image as a list shows it.</summary>
public sealed record ImageSummary
{
    /// <summary>Its id: <c>sha256:</c> and the digest of its configuration.</summary>
    public string Id
    {
        get => field ?? "";
        init;
    }

    /// <summary>References as <c>name:tag</c>; an untagged image has none.</summary>
    public IReadOnlyList<string> RepoTags
    {
        // Engines before API 1.43 write a placeholder where there is no tag.
        get =>
            field is null ? []
            : field is ["<none>:<none>"] ? []
            : field;
        init;
    }

    /// <summary>References as <c>name@sha256:…</c>, known only for images that came from a registry.</summary>
    public IReadOnlyList<string> RepoDigests
    {
        get =>
            field is null ? []
            : field is ["<none>@<none>"] ? []
            : field;
        init;
    }

    /// <summary>When it was made, to the second.</summary>
    [JsonConverter(typeof(UnixSecondsConverter))]
    public DateTimeOffset Created { get; init; }

    /// <summary>Bytes of all its layers, unpacked.</summary>
    public long Size { get; init; }

    /// <summary>Bytes of its layers that others have too; -1 where it was not computed.</summary>
    public long SharedSize { get; init; }

    /// <summary>How many containers use it; -1 where it was not counted.</summary>
    public long Containers { get; init; }

    /// <summary>Its labels.</summary>
    public IReadOnlyDictionary<string, string> Labels
    {
        get => field ?? EmptyMap.Of<string>();
        init;
    }
}

/// <summary>All that the engine knows of an image.</summary>
public sealed record ImageInspection
{
    /// <summary>Its id: <c>sha256:</c> and the digest of its configuration.</summary>
    public string Id
    {
        get => field ?? "";
        init;
    }

    /// <summary>References as <c>name:tag</c>.</summary>
    public IReadOnlyList<string> RepoTags
    {
        get => field ?? [];
        init;
    }

    /// <summary>References as <c>name@sha256:…</c>.</summary>
    public IReadOnlyList<string> RepoDigests
    {
        get => field ?? [];
        init;
    }

    /// <summary>When it was made; null where the image does not say.</summary>
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? Created { get; init; }

    /// <summary>As in <c>amd64</c>.</summary>
    public string Architecture
    {
        get => field ?? "";
        init;
    }

    /// <summary>As in <c>linux</c>.</summary>
    public string Os
    {
        get => field ?? "";
        init;
    }

    /// <summary>Bytes of all its layers, unpacked.</summary>
    public long Size { get; init; }

    /// <summary>What its containers inherit.</summary>
    public ContainerConfig Config
    {
        get => field ?? new();
        init;
    }

    /// <summary>Its layers.</summary>
    [JsonPropertyName("RootFS")]
    public ImageLayers RootFs
    {
        get => field ?? new();
        init;
    }
}

/// <summary>The layers of an image.</summary>
public sealed record ImageLayers
{
    /// <summary>Digests of their unpacked tars, the lowest first.</summary>
    public IReadOnlyList<string> Layers
    {
        get => field ?? [];
        init;
    }
}

/// <summary>Which images to list; what is left empty does not narrow.</summary>
public sealed record ImageQuery
{
    /// <summary>Intermediate images too.</summary>
    public bool All { get; init; }

    /// <summary>Labels that all must match, as <c>name</c> or <c>name=value</c>.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Patterns of references, as <c>shop/*:1.*</c>.</summary>
    public IReadOnlyList<string> References { get; init; } = [];

    /// <summary>Whether it has no tag; null for both.</summary>
    public bool? Dangling { get; init; }
}

/// <summary>A removal's effect: one thing each.</summary>
public sealed record ImageRemoval
{
    /// <summary>A reference that is gone.</summary>
    public string? Untagged { get; init; }

    /// <summary>An image or layer that is gone.</summary>
    public string? Deleted { get; init; }
}

/// <summary>How far a load is.</summary>
public sealed record ImageLoadProgress
{
    /// <summary>The layer, shortened; null for a message about the whole.</summary>
    [JsonPropertyName("id")]
    public string? Layer { get; init; }

    /// <summary>What is being done.</summary>
    [JsonPropertyName("status")]
    public string? Status { get; init; }

    /// <summary>A line for people, such as <c>Loaded image: web:1.0</c>.</summary>
    [JsonPropertyName("stream")]
    public string? Message { get; init; }

    /// <summary>Bytes of the layer done, and in all.</summary>
    [JsonPropertyName("progressDetail")]
    public ImageLoadBytes? Bytes { get; init; }

    [JsonInclude]
    [JsonPropertyName("errorDetail")]
    internal ErrorDetail? ErrorDetail { get; init; }

    [JsonInclude]
    [JsonPropertyName("error")]
    internal string? Error { get; init; }
}

/// <summary>Bytes of a layer.</summary>
public sealed record ImageLoadBytes
{
    /// <summary>Done.</summary>
    [JsonPropertyName("current")]
    public long Current { get; init; }

    /// <summary>In all; 0 where it is not known.</summary>
    [JsonPropertyName("total")]
    public long Total { get; init; }
}

internal sealed record ErrorDetail
{
    [JsonPropertyName("message")]
    public string? Message { get; init; }
}
