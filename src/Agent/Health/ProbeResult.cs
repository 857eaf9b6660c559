namespace Appliance.Agent.Health;

/// <summary>What one check found.</summary>
/// <param name="Output">What it saw, on one line and short: it ends up in sentences.</param>
internal readonly record struct ProbeResult(bool Healthy, string Output)
{
    private const int MaxOutput = 400;

    /// <summary>Whether it failed for want of an answer in time: it may be at work, and too busy to say so.</summary>
    public bool IsLate { get; private init; }

    public static ProbeResult Ok(string output) => new(true, Brief(output));

    public static ProbeResult Failed(string output) => new(false, Brief(output));

    public static ProbeResult Late(string output) => Failed(output) with { IsLate = true };

    private static string Brief(string output)
    {
        var line = output.ReplaceLineEndings(" ").Trim();
        return line.Length <= MaxOutput ? line : line[..(MaxOutput - 1)] + "…";
    }
}

/// <summary>One way to ask a container whether it is well. Never throws but for cancellation.</summary>
internal interface IProbe
{
    /// <summary>http, tcp, grpc or exec.</summary>
    string Kind { get; }

    /// <summary>What is asked, for people.</summary>
    string Target { get; }

    Task<ProbeResult> CheckAsync(CancellationToken ct);
}
