using System.Text.RegularExpressions;

namespace Appliance.Agent.Supervision;

/// <summary>Why a replica is not well, as far as it decides what may help. Their names are on record with each try.</summary>
internal enum Cause
{
    /// <summary>Its process ended.</summary>
    Ended,

    /// <summary>The kernel killed its process for want of memory.</summary>
    OutOfMemory,

    /// <summary>A check of it fails.</summary>
    Unhealthy,

    /// <summary>Its checks fail and succeed by turns.</summary>
    Flapping,

    /// <summary>A check of it fails because a name cannot be resolved.</summary>
    Names,

    /// <summary>The engine does not make or start its container.</summary>
    Refused,

    /// <summary>A port that it publishes is in use on the machine.</summary>
    PortTaken,

    /// <summary>The engine keeps a port or a name from it that nobody has.</summary>
    EngineBooks,

    /// <summary>The engine cannot end its process.</summary>
    Stuck,

    /// <summary>The disk takes nothing more.</summary>
    DiskFull,

    /// <summary>The disk may not be written to.</summary>
    DiskReadOnly,

    /// <summary>The whole machine is short of memory.</summary>
    MemoryShort,
}

internal static partial class Causes
{
    /// <summary>Whether it is the machine's: no repair of a container cures it.</summary>
    public static bool IsOfMachine(this Cause cause) =>
        cause is Cause.DiskFull or Cause.DiskReadOnly or Cause.MemoryShort;

    /// <summary>Whether it is in the engine itself: no repair of a container cures it.</summary>
    public static bool IsOfEngine(this Cause cause) => cause is Cause.EngineBooks or Cause.Stuck;

    /// <summary>The cause that an engine's refusal names.</summary>
    public static Cause OfRefusal(string error) =>
        BookedPort().IsMatch(error) || StaleEndpoint().IsMatch(error) ? Cause.EngineBooks
        : error.Contains("address already in use", StringComparison.Ordinal) ? Cause.PortTaken
        : error.Contains("did not receive an exit event", StringComparison.Ordinal) ? Cause.Stuck
        : Cause.Refused;

    /// <summary>The cause that a failing check names.</summary>
    public static Cause OfCheck(string output) => Resolution().IsMatch(output) ? Cause.Names : Cause.Unhealthy;

    /// <summary>The port that an engine says is allocated; null when it says something else.</summary>
    public static int? BookedPortIn(string error) =>
        BookedPort().Match(error) is { Success: true } match
        && int.TryParse(match.Groups["port"].ValueSpan, out var port)
            ? port
            : null;

    /// <summary>The causes of the tries that a record counts, in the order in which they were met.</summary>
    public static IEnumerable<Cause> On(string record) =>
        record
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(word => Enum.TryParse<Cause>(word, out var cause) ? cause : (Cause?)null)
            .OfType<Cause>();

    public static string Record(IEnumerable<Cause> causes) => string.Join(' ', causes);

    [GeneratedRegex(
        @"\bBind for \S*:(?<port>\d{1,5}) failed: port is already allocated",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex BookedPort();

    [GeneratedRegex(
        @"endpoint with name \S+ already exists in network",
        RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex StaleEndpoint();

    // As glibc, musl, busybox, curl, Go, Node and Python say it.
    [GeneratedRegex(
        @"bad address|name resolution|name or service not known|could not resolve|couldn't resolve|unable to resolve|no such host|server misbehaving|EAI_AGAIN|ENOTFOUND|nodename nor servname|no address associated",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Resolution();
}
