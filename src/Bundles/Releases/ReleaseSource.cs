using System.Text;
using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Releases;

/// <summary>An application as its author has it, ready to become a release: checked with what the release will hold.</summary>
/// <param name="Files">The Compose file, as <c>compose.yaml</c>, and what it names.</param>
public sealed record ReleaseSource(ComposeModel Model, IReadOnlyList<ComposeInput> Files)
{
    private const string VariablesFile = ".env";

    /// <summary>
    /// Reads and checks a Compose file. Variables given here become part of the release, at the end of its
    /// <c>.env</c>: on the appliance there is nobody to give them.
    /// </summary>
    /// <returns>What was found; the source is null where that includes an error.</returns>
    /// <exception cref="RefusedException">The file would be another application on an appliance.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async Task<(ReleaseSource? Source, ComposeResult Result)> ReadAsync(
        string path,
        ComposeOptions options,
        CancellationToken cancellationToken
    )
    {
        var bytes = await RegularFile.ReadAsync(path, ComposeLoader.MaxBytes, cancellationToken);
        var folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        var result = ComposeLoader.Parse(bytes, path, folder, options);
        if (result.Model is not { } model)
            return (null, result);

        var files = WithVariables(result.Files, options.Variables)
            .Where(f => !IsComposeFileItself(f, bytes))
            .Prepend(new ComposeInput(ReleasePath.Compose, bytes))
            .ToList();
        await DemandSameAsync(model, files, options.Allowances, cancellationToken);
        return (new(model, files), result);
    }

    private static IEnumerable<ComposeInput> WithVariables(
        IReadOnlyList<ComposeInput> files,
        IReadOnlyDictionary<string, string> variables
    )
    {
        if (variables.Count == 0)
            return files;

        var text = new StringBuilder();
        if (files.FirstOrDefault(f => f.Path == VariablesFile) is { } own)
            text.Append(Encoding.UTF8.GetString(own.Bytes.Span)).Append('\n');
        foreach (var (name, value) in variables.OrderBy(v => v.Key, StringComparer.Ordinal))
            text.Append(name).Append('=').Append(Quoted(value)).Append('\n');
        return files
            .Where(f => f.Path != VariablesFile)
            .Append(new(VariablesFile, Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static string Quoted(string value) =>
        value.Contains('\'', StringComparison.Ordinal)
            ? $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("$", "$$", StringComparison.Ordinal)}\""
            : $"'{value}'";

    private static bool IsComposeFileItself(ComposeInput file, byte[] compose)
    {
        if (file.Path != ReleasePath.Compose)
            return false;
        return file.Bytes.Span.SequenceEqual(compose)
            ? true
            : throw new RefusedException(
                $"{file.Path} is the name of the release's Compose file, and the file that is called so is another; rename it"
            );
    }

    // Read as an appliance will read it: from these files, and with no variables but those in them.
    private static async Task DemandSameAsync(
        ComposeModel model,
        IReadOnlyList<ComposeInput> files,
        Allowances allowances,
        CancellationToken cancellationToken
    )
    {
        var folder = Directory.CreateTempSubdirectory("release-");
        try
        {
            foreach (var file in files)
            {
                var path = Path.Combine(folder.FullName, file.Path);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await File.WriteAllBytesAsync(path, file.Bytes, cancellationToken);
            }
            var again = await ComposeLoader.LoadAsync(
                Path.Combine(folder.FullName, ReleasePath.Compose),
                new ComposeOptions { Allowances = allowances },
                cancellationToken
            );
            if (again.Errors.FirstOrDefault() is { } error)
                throw new RefusedException($"on an appliance, the release would not be read: {error}");
            if (ComposeText.ToYaml(again.Model!) != ComposeText.ToYaml(model))
                throw new RefusedException(
                    "on an appliance, the release would be another application than here: see what its variables depend on"
                );
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
