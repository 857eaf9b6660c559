namespace Tuf.ConformanceClient;

/// <summary>Options with one value each, and the words between them, in any order.</summary>
internal sealed class Arguments
{
    private readonly List<(string Name, string Value)> options = [];

    public List<string> Words { get; } = [];

    public static Arguments Parse(string[] args)
    {
        var parsed = new Arguments();
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
                parsed.Words.Add(args[i]);
            else if (i + 1 < args.Length)
                parsed.options.Add((args[i], args[++i]));
            else
                throw new ArgumentException($"{args[i]} needs a value");
        }
        return parsed;
    }

    public string One(string name) => All(name).SingleOrDefault() ?? throw new ArgumentException($"{name} is missing");

    public IEnumerable<string> All(string name) => options.Where(o => o.Name == name).Select(o => o.Value);
}
