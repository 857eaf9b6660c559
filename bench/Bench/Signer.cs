namespace Appliance.Bench;

/// <summary>The vendor's side: keys that are made once per run, and the bundles that they sign.</summary>
internal sealed class Signer(string appliancectl, string folder)
{
    public const string Product = "bench";

    // Nothing that it guards outlives the run.
    private static readonly (string, string) Passphrase = ("APPLIANCE_SIGNING_PASSPHRASE", "of the benchmarks");

    private int releases;

    /// <summary>What an agent has to trust.</summary>
    public string Root => Path.Combine(folder, "metadata/1.root.json");

    public Task MakeKeysAsync(CancellationToken ct) =>
        With("bundle", "keys", "init", folder, "--product", Product).RunAsync(ct);

    /// <summary>The version of the Compose file that was written last.</summary>
    public string Version => $"1.0.{releases}";

    /// <summary>
    /// Writes the Compose file of the next release, of the entries of its services: what was signed once cannot become
    /// another release.
    /// </summary>
    public string WriteCompose(string place, string services)
    {
        releases++;
        var path = Path.Combine(place, "compose.yaml");
        File.WriteAllText(
            path,
            $$"""
            name: {{Product}}
            x-appliance: {version: "{{Version}}"}
            services:
            {{services}}
            """
        );
        return path;
    }

    /// <summary>The command that makes a bundle of a release.</summary>
    public Command Create(string compose, string images, string bundle) =>
        With("bundle", "create", "--repository", folder, "--compose", compose, "--images", images, "--to", bundle);

    public Command Verify(string bundle) => new(appliancectl, "bundle", "verify", bundle, "--root", Root);

    private Command With(params string[] arguments) => new(appliancectl, arguments) { Variable = Passphrase };
}
