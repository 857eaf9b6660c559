using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Appliance.Agent.Host;

/// <summary>What the agent was started with.</summary>
/// <param name="ConfigFile">Null: the default path, which need not exist.</param>
/// <param name="Settings">Settings by configuration path; they win over environment and file.</param>
internal sealed record CommandLine(string? ConfigFile, IReadOnlyDictionary<string, string?> Settings)
{
    private const string Usage = """
        appliance-agent: installs, updates and supervises the application of this appliance.

          --data DIR       the agent's state                 (/var/lib/appliance-agent)
          --socket PATH    where appliancectl reaches it     (/run/appliance-agent/agent.sock)
          --docker HOST    the engine                        (unix:///var/run/docker.sock)
          --config FILE    its configuration                 (/etc/appliance-agent/agent.yaml)
          --help
          --version

        Each key of the configuration is also an environment variable: APPLIANCE__SECTION__KEY.
        """;

    private static readonly Dictionary<string, (string Path, bool IsFile)> Flags = new()
    {
        ["--data"] = ("storage:DataDirectory", true),
        ["--socket"] = ("control:Socket", true),
        ["--docker"] = ("engine:Endpoint", false),
        ["--config"] = ("", true),
    };

    /// <summary>Reads the arguments, or says what to print instead and how to end.</summary>
    public static bool TryParse(
        IReadOnlyList<string> arguments,
        [NotNullWhen(true)] out CommandLine? commandLine,
        out Ending ending
    )
    {
        commandLine = null;
        string? configFile = null;
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < arguments.Count; i++)
        {
            var (flag, value) = arguments[i].Split('=', 2) is [var f, var v] ? (f, v) : (arguments[i], null);
            if (arguments[i] is "--help" or "-h")
                return Ends(new Ending(Usage, ExitCode.Done), out ending);
            if (arguments[i] == "--version")
                return Ends(new Ending($"appliance-agent {Version}", ExitCode.Done), out ending);
            if (!Flags.TryGetValue(flag, out var known))
                return Ends(Wrong($"unknown argument {arguments[i]}"), out ending);
            if (value is null && ++i < arguments.Count)
                value = arguments[i];
            if (string.IsNullOrEmpty(value) || value.StartsWith("--", StringComparison.Ordinal))
                return Ends(Wrong($"{flag} needs a value"), out ending);
            if (known.IsFile)
                value = Path.GetFullPath(value);
            if (known.Path.Length == 0 ? configFile is not null : settings.ContainsKey(known.Path))
                return Ends(Wrong($"{flag} is given twice"), out ending);
            if (known.Path.Length == 0)
                configFile = value;
            else
                settings[known.Path] = value;
        }
        ending = default;
        commandLine = new CommandLine(configFile, settings);
        return true;
    }

    public static string Version { get; } =
        typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    private static Ending Wrong(string what) => new($"appliance-agent: {what} (try --help)", ExitCode.Usage);

    private static bool Ends(Ending with, out Ending ending)
    {
        ending = with;
        return false;
    }
}

/// <summary>A last message and an exit code; to standard error when it is not 0.</summary>
internal readonly record struct Ending(string Message, int Code)
{
    public int Say()
    {
        (Code == ExitCode.Done ? Console.Out : Console.Error).WriteLine(Message);
        return Code;
    }
}

internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;

    /// <summary>EX_CONFIG of sysexits.h.</summary>
    public const int Configuration = 78;
}
