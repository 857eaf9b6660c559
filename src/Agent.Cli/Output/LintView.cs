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

        WriteDiagnostics(session, result);
        if (result.Model is { } model)
            session.Out.Write(ComposeText.ToYaml(model));
    }

    public static void WriteDiagnostics(Session session, ComposeResult result)
    {
        foreach (var diagnostic in result.Diagnostics)
        {
            var style = diagnostic.Severity == Severity.Error ? Style.Red : Style.Yellow;
            session.Error.WriteLine(session.Error.Paint(Text.OneLine($"{diagnostic}"), style));
        }
    }

    private static string AsJson(ComposeResult result) =>
        JsonText.Object(json =>
        {
            json.WriteBoolean("valid", result.Model is not null);
            WriteAll(json, "errors", result.Errors);
            WriteAll(json, "warnings", result.Warnings);
            json.WritePropertyName("model");
            if (result.Model is { } model)
                ComposeText.WriteJson(model, json);
            else
                json.WriteNullValue();
        });

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
