using Appliance.Bundles.Signing;

namespace Appliance.Cli.Output;

/// <summary>A signer's repository that was just made or changed, and what to do with it.</summary>
internal static class SignerView
{
    public static void WriteCreated(Session session, string directory, SignerSettings settings, string pinnedRoot)
    {
        if (session.Format == OutputFormat.Json)
        {
            session.Out.WriteLine(AsJson(directory, settings, pinnedRoot));
            return;
        }

        session.Out.WriteLine(Text.OneLine($"Keys that sign releases of {settings.Product} are in {directory}."));
        session.Out.WriteLine(Text.OneLine($"The root that appliances trust: {pinnedRoot}"));
        session.Out.WriteLine();
        session.Out.WriteLine("Next:");
        session.Out.WriteLine(
            "  1. Build that root into the appliance's image: it takes what these keys sign, and nothing else."
        );
        session.Out.WriteLine(
            "  2. Back the folder up, and keep the passphrase elsewhere: without both, no upgrade can be"
        );
        session.Out.WriteLine("     signed for the appliances that trust this root.");
        session.Out.WriteLine("  3. Sign a release: see appliancectl bundle --help.");
    }

    public static void WriteRotated(Session session, string directory, RootRotation rotation, long version)
    {
        if (session.Format == OutputFormat.Json)
        {
            session.Out.WriteLine(
                JsonText.Object(json =>
                {
                    json.WriteString("directory", directory);
                    json.WriteNumber("rootVersion", version);
                    json.WriteNumber("newRootKeys", rotation.NewRootKeys ?? 0);
                    json.WriteBoolean("newReleaseKeys", rotation.NewReleaseKeys);
                })
            );
            return;
        }

        session.Out.WriteLine(
            Text.OneLine($"{directory} has root {version}; the next bundle brings it to appliances.")
        );
        session.Out.WriteLine();
        session.Out.WriteLine("Next:");
        session.Out.WriteLine("  1. Back the folder up: a backup from before must not sign any more.");
        if (rotation.NewReleaseKeys || rotation.NewRootKeys is not null)
            session.Out.WriteLine("  2. Make a release: until an appliance has seen it, it trusts the keys before.");
    }

    private static string AsJson(string directory, SignerSettings settings, string pinnedRoot) =>
        JsonText.Object(json =>
        {
            json.WriteString("directory", directory);
            json.WriteString("product", settings.Product);
            json.WriteString("pinnedRoot", pinnedRoot);
            json.WriteNumber("rootKeys", settings.RootKeys);
            json.WriteNumber("rootThreshold", settings.RootThreshold);
        });
}
