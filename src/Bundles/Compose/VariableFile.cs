using Appliance.Bundles.Compose.Reading;
using Appliance.Bundles.Compose.Yaml;

namespace Appliance.Bundles.Compose;

/// <summary>A file of variables for interpolation, in the dialect of the <c>.env</c> beside a Compose file.</summary>
public static class VariableFile
{
    /// <summary>Adds what the file sets to <paramref name="variables"/>, which its lines may refer to.</summary>
    /// <param name="utf8">The file, at most 1 MiB.</param>
    /// <param name="fileName">What diagnostics call it.</param>
    /// <returns>What is wrong with the file, in its order; empty when nothing is.</returns>
    public static IReadOnlyList<ComposeDiagnostic> Read(
        ReadOnlySpan<byte> utf8,
        string fileName,
        IDictionary<string, string> variables
    )
    {
        var log = new Diagnostics(fileName);
        if (SourceText.Decode(utf8, log) is not { } source)
            return log.ToList();

        var known = new Variables(new Dictionary<string, string>());
        foreach (var (name, value) in variables)
            known.Add(name, value);
        foreach (var line in EnvFile.Read(source, known, (at, message) => log.Error(at, "", message)))
        {
            if (line.Value is null)
            {
                log.Error(line.At, "", $"{line.Name} has no value; write {line.Name}= for an empty one");
                continue;
            }
            known.Add(line.Name, line.Value);
            variables[line.Name] = line.Value;
        }
        return log.ToList();
    }
}
