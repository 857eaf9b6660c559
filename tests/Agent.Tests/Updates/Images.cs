using Appliance.Testing;

namespace Appliance.Agent.Tests.Updates;

internal static class Images
{
    /// <summary>One that an engine is busy with for a while.</summary>
    public static BusyboxImage Big { get; } =
        BusyboxImage.Build(
            new ImageRecipe
            {
                Reference = "appliance-test/big:1",
                Files = new Dictionary<string, string> { ["big"] = new('x', 40 * 1024 * 1024) },
            }
        );
}
