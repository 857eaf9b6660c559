namespace Appliance.Bundles.Compose;

/// <summary>
/// An application as its Compose file describes it, after interpolation, merging, defaults and all checks: immutable and
/// in one normal form, so that the same application always has the same model however it was spelt.
/// </summary>
/// <remarks>All dictionaries and lists keep the order of the file.</remarks>
public sealed record ComposeModel
{
    /// <summary>The product's name (top-level <c>name:</c>): lower-case letters, digits, <c>-</c> and <c>_</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The release's version, from the top-level <c>x-appliance</c>; null if the file does not say.</summary>
    public SemanticVersion? Version { get; init; }

    /// <summary>What the application is, in the vendor's words; null if the file does not say.</summary>
    public string? Description { get; init; }

    /// <summary>Versions that may be upgraded to this one; null: any lower one.</summary>
    public VersionRange? UpgradeFrom { get; init; }

    /// <summary>What the appliance has to be like.</summary>
    public Requirements Requirements { get; init; } = Requirements.None;

    /// <summary>
    /// Whether an appliance may go back to the release before by itself, when it falls ill after its installation and
    /// nothing else makes it well: the release before must be able to use the data as this one leaves it.
    /// </summary>
    public bool FallBack { get; init; }

    /// <summary>The services by name, those behind a profile included.</summary>
    public required IReadOnlyDictionary<string, ComposeService> Services { get; init; }

    /// <summary>
    /// Every network that the file declares or that a service joins: a service without <c>networks:</c> joins
    /// <see cref="ComposeNetwork.DefaultName"/>, which is then listed here too.
    /// </summary>
    public required IReadOnlyDictionary<string, ComposeNetwork> Networks { get; init; }

    /// <summary>The named volumes.</summary>
    public required IReadOnlyDictionary<string, ComposeVolume> Volumes { get; init; }

    /// <summary>The secrets that services may mount.</summary>
    public required IReadOnlyDictionary<string, ComposeFile> Secrets { get; init; }

    /// <summary>The configuration files that services may mount.</summary>
    public required IReadOnlyDictionary<string, ComposeFile> Configs { get; init; }

    /// <summary>The services that run when <paramref name="profiles"/> are enabled, in the order of the file.</summary>
    /// <param name="profiles">Names of enabled profiles; <c>*</c> enables all.</param>
    public IEnumerable<ComposeService> EnabledServices(IReadOnlyCollection<string> profiles) =>
        Services.Values.Where(s =>
            s.Profiles.Count == 0 || profiles.Contains("*") || s.Profiles.Any(p => profiles.Contains(p))
        );
}
