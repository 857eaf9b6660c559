using Appliance.Bundles.Compose.Yaml;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Collects findings, so that one run shows them all.</summary>
internal sealed class Diagnostics(string file)
{
    /// <summary>Nobody reads more; the rest is counted.</summary>
    public const int Max = 200;

    private readonly HashSet<ComposeDiagnostic> _seen = [];
    private int _dropped;

    public bool HasErrors { get; private set; }

    public void Error(Position at, string path, string message) => Error(file, at, path, message);

    /// <summary>A finding in another file that this one names.</summary>
    public void Error(string otherFile, Position at, string path, string message)
    {
        HasErrors = true;
        Add(new(Severity.Error, otherFile, at.Line, at.Column, path, message));
    }

    public void Warn(Position at, string path, string message) =>
        Add(new(Severity.Warning, file, at.Line, at.Column, path, message));

    /// <summary>In the order of the file; those of other files after it.</summary>
    public IReadOnlyList<ComposeDiagnostic> ToList()
    {
        var sorted = _seen
            .OrderBy(d => d.File != file)
            .ThenBy(d => d.File)
            .ThenBy(d => d.Line)
            .ThenBy(d => d.Column)
            .ThenBy(d => d.Path)
            .ToList();
        if (_dropped > 0)
            sorted.Add(new(Severity.Error, file, 1, 1, "", $"and {_dropped} more; mend these first"));
        return sorted;
    }

    private void Add(ComposeDiagnostic finding)
    {
        if (_seen.Count < Max || finding.Severity == Severity.Error && MakeRoom())
            _seen.Add(finding);
        else
            _dropped++;
    }

    // An error is never crowded out by warnings.
    private bool MakeRoom()
    {
        if (_seen.FirstOrDefault(d => d.Severity == Severity.Warning) is not { } warning)
            return false;
        _dropped++;
        return _seen.Remove(warning);
    }
}
