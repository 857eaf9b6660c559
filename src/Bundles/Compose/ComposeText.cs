using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Appliance.Bundles.Compose.Rendering;

namespace Appliance.Bundles.Compose;

/// <summary>
/// Prints a model as a Compose document in one canonical spelling: the same model gives the same bytes, and the document
/// reads back as the same model (with the same files beside it, and the same allowances).
/// </summary>
public static class ComposeText
{
    private static readonly JsonWriterOptions s_json = new()
    {
        Indented = true,
        NewLine = "\n",
        // For terminals and files, not for web pages.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The document as YAML, with a line feed at its end.</summary>
    public static string ToYaml(ComposeModel model) => YamlText.Write(CanonicalModel.Of(model));

    /// <summary>The same document as JSON, which is a Compose file too: a dollar sign in a value stands doubled.</summary>
    public static string ToJson(ComposeModel model)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, s_json))
            WriteJson(model, json);
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    /// <summary>Writes the same JSON as one value into a document of the caller's.</summary>
    public static void WriteJson(ComposeModel model, Utf8JsonWriter json) => Write(json, CanonicalModel.Of(model));

    private static void Write(Utf8JsonWriter json, CanonicalNode node)
    {
        switch (node)
        {
            case CanonicalNode.Text text:
                json.WriteStringValue(text.Value.Replace("$", "$$", StringComparison.Ordinal));
                break;
            case CanonicalNode.Literal literal:
                json.WriteRawValue(literal.Value);
                break;
            case CanonicalNode.List list:
                json.WriteStartArray();
                foreach (var item in list.Items)
                    Write(json, item);
                json.WriteEndArray();
                break;
            case CanonicalNode.Map map:
                json.WriteStartObject();
                foreach (var (key, value) in map.Entries)
                {
                    json.WritePropertyName(key);
                    Write(json, value);
                }

                json.WriteEndObject();
                break;
        }
    }
}
