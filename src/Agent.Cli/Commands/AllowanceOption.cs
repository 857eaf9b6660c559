using System.CommandLine;
using Appliance.Bundles.Compose;

namespace Appliance.Cli.Commands;

/// <summary>What the signer lets a service do beyond the ordinary.</summary>
internal sealed class AllowanceOption
{
    private readonly Option<string[]> pairs = new("--allow")
    {
        Description = "Something that is refused otherwise, by the name that the refusal says; repeatable",
        HelpName = "SERVICE=NAME",
    };

    public void AddTo(Command command)
    {
        pairs.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(t => Split(t.Value) is null))
                result.AddError($"--allow is a service, = and what it may do, not '{token.Value}'.");
        });
        command.Options.Add(pairs);
    }

    public Allowances Of(ParseResult parse) =>
        new(
            (parse.GetValue(pairs) ?? [])
                .Select(p => Split(p)!.Value)
                .GroupBy(p => p.Service, p => p.Name)
                .ToDictionary(g => g.Key, IReadOnlySet<string> (g) => g.ToHashSet())
        );

    private static (string Service, string Name)? Split(string pair) =>
        pair.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals
        && equals < pair.Length - 1
        && !pair.Any(char.IsControl)
            ? (pair[..equals], pair[(equals + 1)..])
            : null;
}
