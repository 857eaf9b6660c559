namespace Appliance.Tuf;

/// <summary>Where metadata comes from. Nothing is believed of what it gives.</summary>
public interface IMetadataSource
{
    /// <param name="name">One path segment, percent-encoded, as <c>3.root.json</c>.</param>
    /// <returns>Null when there is no such file.</returns>
    /// <exception cref="TufException">It cannot be fetched, or has more than <paramref name="maxBytes"/>.</exception>
    Task<ReadOnlyMemory<byte>?> FetchAsync(string name, int maxBytes, CancellationToken cancellationToken);
}

/// <summary>Where targets come from. Nothing is believed of what it gives.</summary>
public interface ITargetSource
{
    /// <param name="path">Percent-encoded, segment by segment.</param>
    /// <returns>The bytes as they come in, without end if the source has none.</returns>
    /// <exception cref="TufException">It cannot be fetched.</exception>
    IAsyncEnumerable<ReadOnlyMemory<byte>> FetchAsync(string path, CancellationToken cancellationToken);
}

/// <summary>Where trusted metadata is kept between runs, byte for byte as it was received.</summary>
public interface IMetadataStore
{
    /// <returns>Null when nothing is kept for the role.</returns>
    Task<ReadOnlyMemory<byte>?> ReadAsync(string role, CancellationToken cancellationToken);

    /// <summary>When this returns, the role's metadata outlasts a loss of power; until then what was there does.</summary>
    Task WriteAsync(string role, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);
}
