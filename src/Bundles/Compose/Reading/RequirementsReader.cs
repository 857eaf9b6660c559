namespace Appliance.Bundles.Compose.Reading;

/// <summary>The top-level <c>x-appliance.requirements</c>.</summary>
internal static class RequirementsReader
{
    private static readonly KeySet s_keys = new(
        "mapping of requirements",
        ["agent", "disk", "memory"],
        new Dictionary<string, string>
        {
            ["engine"] = "the engine is the appliance's own: the agent says which it needs",
            ["upgrade-from"] = "upgrade-from stands beside requirements: x-appliance.upgrade-from",
            ["version"] = "the agent's versions are \"agent\"; the release's own is x-appliance.version",
        },
        extensions: false
    );

    public static Requirements Read(Field? field)
    {
        if (field?.Map(s_keys, "a mapping of agent, disk and memory") is not { } map)
            return Requirements.None;
        return new(map["agent"]?.Versions(), Size(map["disk"]), Size(map["memory"]));
    }

    private static long? Size(Field? field)
    {
        var bytes = field?.Bytes();
        // Every appliance has more than nothing: who writes 0 means something else.
        if (bytes == 0)
            field!.Error("must be more than 0; remove it if there is nothing to require");
        return bytes;
    }
}
