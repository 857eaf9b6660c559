using Appliance.Bundles.Signing;

namespace Appliance.Cli.Output;

/// <summary>A signer's repository that was just made, and what to do with it.</summary>
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
