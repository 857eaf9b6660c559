using System.CommandLine;
using Appliance.Bundles.Signing;

namespace Appliance.Cli.Commands;

/// <summary>How many root keys are made, and how many of them must sign.</summary>
internal sealed class RootKeysOptions
{
    private readonly Option<int?> count;

    private readonly Option<int?> threshold = new("--root-threshold")
    {
        Description = "How many of them must sign a change of keys (default: 1)",
        HelpName = "M",
    };

    public RootKeysOptions(string description) =>
        count = new("--root-keys") { Description = description, HelpName = "N" };

    public void AddTo(Command command)
    {
        command.Validators.Add(result =>
        {
            var keys = result.GetValue(count) ?? 1;
            if (keys is < 1 or > SignerSettings.MostRootKeys)
                result.AddError($"--root-keys is 1 to {SignerSettings.MostRootKeys}, not {keys}.");
            else if (result.GetValue(threshold) is { } least && (least < 1 || least > keys))
                result.AddError($"--root-threshold is 1 to {keys}, the number of root keys, not {least}.");
        });
        command.Add(count);
        command.Add(threshold);
    }

    /// <summary>Null where it is not said.</summary>
    public int? CountOf(ParseResult parse) => parse.GetValue(count);

    public int ThresholdOf(ParseResult parse) => parse.GetValue(threshold) ?? 1;
}
