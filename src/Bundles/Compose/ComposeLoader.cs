using Appliance.Bundles.Compose.Checks;
using Appliance.Bundles.Compose.Reading;
using Appliance.Bundles.Compose.Yaml;

namespace Appliance.Bundles.Compose;

/// <summary>
/// Reads Compose files (the Compose Specification, and <c>x-appliance</c>). What is not supported is an error with its
/// place, never ignored; all errors are found in one run.
/// </summary>
public static class ComposeLoader
{
    /// <summary>What a Compose file or a file of variables may have; more is an error of the file.</summary>
    public const int MaxBytes = SourceText.MaxBytes;

    private const string VariablesFile = ".env";

    /// <summary>Reads a file; its folder is where the files that it names are looked for.</summary>
    /// <exception cref="IOException">The file itself cannot be read.</exception>
    public static async Task<ComposeResult> LoadAsync(
        string path,
        ComposeOptions options,
        CancellationToken cancellationToken
    )
    {
        byte[] bytes;
        try
        {
            bytes = await RegularFile.ReadAsync(path, MaxBytes, cancellationToken);
        }
        catch (IOException e)
        {
            throw new IOException($"{path} cannot be read: {e.Message}", e);
        }
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Parse(bytes, Path.GetFileName(path), folder, options);
    }

    /// <summary>Reads the bytes of a Compose file. Whatever they are, the answer is a result and not an exception.</summary>
    /// <param name="utf8">The file, at most 1 MiB.</param>
    /// <param name="fileName">What diagnostics call it.</param>
    /// <param name="baseDirectory">Where <c>.env</c>, <c>env_file</c>, secrets and configs are looked for.</param>
    public static ComposeResult Parse(
        ReadOnlySpan<byte> utf8,
        string fileName,
        string baseDirectory,
        ComposeOptions options
    )
    {
        var log = new Diagnostics(fileName);
        if (SourceText.Decode(utf8, log) is not { } source || YamlTreeBuilder.Build(source, log) is not { } tree)
            return new(null, log.ToList());

        var context = new ReadContext(new(options.Variables), new(baseDirectory), options.Allowances);
        ReadVariables(context, log);

        var root = new TreeInterpolation(source, context.Variables, log).Apply(tree, "");
        var (model, draft) = DocumentReader.Read(new(root, root.At, "", log), context);
        References.Check(draft);
        DependencyChecks.Check(draft);
        PublishedPorts.Check(draft);
        Addresses.Check(draft);
        Updating.Check(draft);
        ChangingData.Check(draft);
        Routes.Check(draft);
        return new(log.HasErrors ? null : model, log.ToList()) { Files = context.Folder.Files };
    }

    private static void ReadVariables(ReadContext context, Diagnostics log)
    {
        // Nothing in the document names this file, so what is wrong with it is said of the document as a whole.
        var document = new Field(new ScalarNode(new(1, 1), VariablesFile, ScalarKind.Text, 0, 0), new(1, 1), "", log);
        if (context.Folder.Read(document, VariablesFile, required: false) is not { } file)
            return;

        var faults = new Diagnostics(VariablesFile);
        if (SourceText.Decode(file.Bytes, faults) is { } source)
        {
            foreach (
                var line in EnvFile.Read(source, context.Variables, (at, message) => faults.Error(at, "", message))
            )
            {
                if (line.Value is null)
                    faults.Error(line.At, "", $"{line.Name} has no value; write {line.Name}= for an empty one");
                else
                    context.Variables.Add(line.Name, line.Value);
            }
        }

        foreach (var fault in faults.ToList())
            log.Error(VariablesFile, new(fault.Line, fault.Column), "", fault.Message);
    }
}
