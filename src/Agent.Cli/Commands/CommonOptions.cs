using System.CommandLine;

namespace Appliance.Cli.Commands;

/// <summary>Options and arguments that mean the same on several commands.</summary>
internal static class CommonOptions
{
    public static Option<int?> Tail(string description) =>
        new("--tail", "-n")
        {
            Description = description,
            HelpName = "N",
            CustomParser = result =>
            {
                if (int.TryParse(result.Tokens[0].Value, out var n) && n >= 0)
                    return n;
                result.AddError($"--tail is a number of lines, not '{result.Tokens[0].Value}'.");
                return null;
            },
        };

    public static Argument<T> Services<T>(string description, ArgumentArity arity)
    {
        var names = new Argument<T>("NAME") { Description = description, Arity = arity };
        names.Validators.Add(result =>
        {
            // No service is called so: it is an option that this command does not have.
            foreach (var token in result.Tokens.Where(t => t.Value.StartsWith('-')))
                result.AddError($"There is no option {token.Value} here.");
        });
        return names;
    }

    public static Option<bool> Follow(string description) => new("--follow", "-f") { Description = description };

    public static Option<bool> Plan() => new("--plan") { Description = "Only print what would change" };

    /// <summary>Labels, as many as are given: <c>--match severity=critical</c>.</summary>
    public static Option<Dictionary<string, string>> Labels(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "LABEL=VALUE",
            Required = true,
            Arity = ArgumentArity.OneOrMore,
            CustomParser = result =>
            {
                var labels = new Dictionary<string, string>();
                foreach (var token in result.Tokens)
                {
                    if (token.Value.Split('=', 2) is not [{ Length: > 0 } label, var value])
                        result.AddError($"{name} takes LABEL=VALUE, not '{token.Value}'.");
                    else if (!labels.TryAdd(label, value))
                        result.AddError($"{name} names the label '{label}' twice.");
                }
                return labels;
            },
        };

    public static Option<int> Limit(string nouns = "operations") =>
        new("--limit")
        {
            Description = "The newest N (default: 20); 0 for all that are kept",
            HelpName = "N",
            DefaultValueFactory = _ => 20,
            CustomParser = result =>
            {
                if (result.Tokens.Count == 0)
                    return 20;
                if (int.TryParse(result.Tokens[0].Value, out var n) && n >= 0)
                    return n;
                result.AddError($"--limit is a number of {nouns}, not '{result.Tokens[0].Value}'.");
                return 0;
            },
        };
}
