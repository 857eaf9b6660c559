namespace Appliance.Bundles.Compose;

public enum Severity
{
    Error,
    Warning,
}

/// <summary>One finding about a Compose file.</summary>
/// <param name="File">The file's name as the caller gave it, or an <c>env_file</c>'s.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in characters.</param>
/// <param name="Path">Where in the document, for example <c>services.web.ports[0]</c>; empty: the document.</param>
/// <param name="Message">What is wrong and what to do about it.</param>
public sealed record ComposeDiagnostic(
    Severity Severity,
    string File,
    int Line,
    int Column,
    string Path,
    string Message
)
{
    /// <summary><c>compose.yaml:12:5: error: services.web.prots: unknown key; did you mean "ports"?</c></summary>
    public override string ToString() =>
        $"{File}:{Line}:{Column}: {(Severity == Severity.Error ? "error" : "warning")}: {(Path.Length == 0 ? "" : Path + ": ")}{Message}";
}

/// <summary>What came of reading a Compose file.</summary>
/// <param name="Model">Null if there was an error.</param>
/// <param name="Diagnostics">All errors and warnings, in the order of the file.</param>
public sealed record ComposeResult(ComposeModel? Model, IReadOnlyList<ComposeDiagnostic> Diagnostics)
{
    /// <summary>
    /// The files beside the Compose file that it was read with, by path: <c>.env</c>, <c>env_file</c>s, secrets, configs.
    /// </summary>
    public IReadOnlyList<ComposeInput> Files { get; init; } = [];

    public IEnumerable<ComposeDiagnostic> Errors => Diagnostics.Where(d => d.Severity == Severity.Error);
    public IEnumerable<ComposeDiagnostic> Warnings => Diagnostics.Where(d => d.Severity == Severity.Warning);
}

/// <param name="Path">Relative to the folder of the Compose file, with forward slashes.</param>
/// <param name="Bytes">What was read, at most 1 MiB.</param>
public sealed record ComposeInput(string Path, ReadOnlyMemory<byte> Bytes);
