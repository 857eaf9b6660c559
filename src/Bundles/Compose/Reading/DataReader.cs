namespace Appliance.Bundles.Compose.Reading;

/// <summary><c>x-appliance.data</c> of a volume, and <c>x-appliance.migration</c> of a service.</summary>
internal static class DataReader
{
    private static readonly KeySet s_volumeKeys = new("volume's x-appliance", ["data"], extensions: false);
    private static readonly KeySet s_dataKeys = new("volume's data", ["breaking", "expand"], extensions: false);
    private static readonly KeySet s_migrationKeys = new("migration", ["timeout"], extensions: false);

    private static readonly Dictionary<string, DataChange> s_changes = new()
    {
        ["none"] = DataChange.None,
        ["expand"] = DataChange.Expand,
        ["breaking"] = DataChange.Breaking,
    };

    /// <param name="appliance">The volume's <c>x-appliance</c>.</param>
    /// <param name="version">The release's, as far as it is known.</param>
    public static VolumeData Of(Field? appliance, SemanticVersion? version)
    {
        if (appliance?.Map(s_volumeKeys)["data"] is not { } field)
            return VolumeData.Unchanged;
        if (field.IsScalar)
            return Now(field, version);

        var map = field.Map(s_dataKeys, "none, expand or breaking, or a mapping of expand and breaking to versions");
        return new(At(map["breaking"], version), At(map["expand"], version));
    }

    public static Migration? Migration(Field? field)
    {
        if (field is null)
            return null;
        var map = field.Map(s_migrationKeys, "a mapping with \"timeout\"");
        return map.Required("timeout", "how long it may take, like 10m")?.PositiveDuration() is { } timeout
            ? new(timeout)
            : null;
    }

    /// <summary>The short form: this release changes it so.</summary>
    private static VolumeData Now(Field field, SemanticVersion? version)
    {
        if (field.OneOf(s_changes) is not { } change || change is DataChange.None)
            return VolumeData.Unchanged;
        if (version is null)
            field.Error("says what this release changes, so the release needs a version: x-appliance.version");
        return change is DataChange.Breaking ? new(version, null) : new(null, version);
    }

    private static SemanticVersion? At(Field? field, SemanticVersion? release)
    {
        if (field?.Name() is not { } text)
            return null;
        var version = SemanticVersion.TryParse(text);
        if (version is null)
            field.Error($"\"{Field.Shorten(text)}\" is not a semantic version, like \"1.4.0\"");
        else if (release is null)
            field.Error("is a version of this release or one before, so the release needs one: x-appliance.version");
        else if (version > release)
            field.Error($"{version} is later than this release, which is {release}");
        return version;
    }
}
