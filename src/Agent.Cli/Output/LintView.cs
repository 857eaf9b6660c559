using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Appliance.Bundles.Compose;

namespace Appliance.Cli.Output;

/// <summary>What linting found: for people as compilers print it, which editors can jump to; for programs as one object.</summary>
internal static class LintView
{
    public static void Write(Session session, ComposeResult result)
    {
        if (session.Format == OutputFormat.Json)
        {
            session.Out.WriteLine(AsJson(result));
            return;
        }

        foreach (var diagnostic in result.Diagnostics)
        {
            var style = diagnostic.Severity == Severity.Error ? Style.Red : Style.Yellow;
            session.Error.WriteLine(session.Error.Paint(Text.OneLine($"{diagnostic}"), style));
        }
        if (result.Model is { } model)
            session.Out.Write(ComposeText.ToYaml(model));
    }

    // The relaxed encoder still escapes control characters; what it does not is dangerous only inside a web page.
    private static readonly JsonWriterOptions Readable = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static string AsJson(ComposeResult result)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            json.WriteBoolean("valid", result.Model is not null);
            WriteAll(json, "errors", result.Errors);
            WriteAll(json, "warnings", result.Warnings);
            json.WritePropertyName("model");
            if (result.Model is { } model)
                ComposeText.WriteJson(model, json);
            else
                json.WriteNullValue();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteAll(Utf8JsonWriter json, string name, IEnumerable<ComposeDiagnostic> diagnostics)
    {
        json.WriteStartArray(name);
        foreach (var diagnostic in diagnostics)
        {
            json.WriteStartObject();
            json.WriteString("file", diagnostic.File);
            json.WriteNumber("line", diagnostic.Line);
            json.WriteNumber("column", diagnostic.Column);
            json.WriteString("path", diagnostic.Path);
            json.WriteString("message", diagnostic.Message);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
