using System.CommandLine;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Cli.Commands;

/// <summary>From which earlier versions a smaller bundle is made as well.</summary>
internal sealed class DeltaOptions
{
    private readonly Option<string[]> versions = new("--delta-from")
    {
        Description =
            "An earlier version, for appliances that run it: a second, smaller bundle is made too; repeatable",
        HelpName = "VERSION",
    };

    private readonly Option<string?> bundles = new("--bundles")
    {
        Description = "Where the whole bundles of those versions are (default: where the new one is written)",
        HelpName = "DIR",
    };

    public void AddTo(Command command)
    {
        versions.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(t => !ReleaseDescriptor.IsVersion(t.Value)))
                result.AddError($"--delta-from is the version of a release, as 1.0.0, not '{token.Value}'.");
            if (result.Tokens.Count > ReleaseDeltas.MaxVersions)
                result.AddError($"--delta-from can name {ReleaseDeltas.MaxVersions} versions.");
        });
        command.Options.Add(versions);
        command.Options.Add(bundles);
    }

    /// <summary>The versions, the lowest first, each once.</summary>
    public IReadOnlyList<SemanticVersion> VersionsOf(ParseResult parse) =>
        [.. (parse.GetValue(versions) ?? []).Select(v => SemanticVersion.TryParse(v)!).Distinct().Order()];

    /// <summary>Where the bundles of those are, when the new one is written to a folder.</summary>
    public string FolderOf(ParseResult parse, string output) => parse.GetValue(bundles) ?? output;
}
