using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Appliance.Bundles.Signing;

namespace Appliance.Cli.Output;

/// <summary>A signer's repository that was just made, and what to do with it.</summary>
internal static class SignerView
{
    private static readonly JsonWriterOptions Readable = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

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

    private static string AsJson(string directory, SignerSettings settings, string pinnedRoot)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            json.WriteString("directory", directory);
            json.WriteString("product", settings.Product);
            json.WriteString("pinnedRoot", pinnedRoot);
            json.WriteNumber("rootKeys", settings.RootKeys);
            json.WriteNumber("rootThreshold", settings.RootThreshold);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
