namespace Appliance.Bundles.Compose;

/// <summary>What a release does to the data of a volume.</summary>
public enum DataChange
{
    /// <summary>Older releases use it as they did.</summary>
    None,

    /// <summary>There is more in it than before; older releases can use it all the same.</summary>
    Expand,

    /// <summary>Older releases cannot use it any more.</summary>
    Breaking,
}

/// <summary>The last versions at which a release changed what a volume holds (<c>x-appliance.data</c>).</summary>
/// <param name="Breaking">Null: no version did.</param>
/// <param name="Expand">Null: no version did.</param>
public sealed record VolumeData(SemanticVersion? Breaking, SemanticVersion? Expand)
{
    /// <summary>A volume of which nothing is said.</summary>
    public static VolumeData Unchanged { get; } = new(null, null);

    /// <summary>What happens to the data on the way from an older version, or cannot be taken for undone on the way back to it.</summary>
    /// <param name="version">Null: nobody knows which version has left it so, if any.</param>
    public DataChange Since(SemanticVersion? version) =>
        IsAfter(Breaking, version) ? DataChange.Breaking
        : IsAfter(Expand, version) ? DataChange.Expand
        : DataChange.None;

    private static bool IsAfter(SemanticVersion? change, SemanticVersion? version) =>
        change is not null && (version is null || change > version);
}

/// <summary>A service that changes data and then ends (<c>x-appliance.migration</c>).</summary>
/// <param name="Timeout">In which it has to end well; else the update is taken back.</param>
public sealed record Migration(TimeSpan Timeout);
