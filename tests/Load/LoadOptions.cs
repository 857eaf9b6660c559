namespace Appliance.Load;

/// <summary>What load is put on what.</summary>
public sealed record LoadOptions
{
    /// <summary>The base of all paths. With https a part of the short requests goes over HTTP/2; no certificate is verified.</summary>
    public required Uri Target { get; init; }

    /// <summary>What the requests name as their host; the target's when null.</summary>
    public string? Host { get; init; }

    /// <summary>Short requests per second, sent when they are due, whatever became of those before.</summary>
    public double Rate { get; init; } = 500;

    /// <summary>
    /// In how long the rate of short requests grows to that. All at once is a test of its own: what is cold on either side
    /// piles up requests, and with them connections, which over TLS cost the most.
    /// </summary>
    public TimeSpan RampUp { get; init; }

    /// <summary>How the short requests are divided.</summary>
    public Mix Mix { get; init; } = new();

    /// <summary>How many connections are kept alive; more are opened while all are in use.</summary>
    public int Connections { get; init; } = 32;

    /// <summary>The size of a POST's body, which the answer has to repeat.</summary>
    public int BodyBytes { get; init; } = 1024;

    /// <summary>How many long requests are under way at any time: half wait for their answer, half for its end.</summary>
    public int LongRequests { get; init; } = 6;

    /// <summary>How long a long request takes.</summary>
    public TimeSpan LongTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many WebSockets are open.</summary>
    public int WebSockets { get; init; } = 10;

    /// <summary>How often each WebSocket says something that has to come back.</summary>
    public TimeSpan EchoInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After how long a request has failed; of a long one, after its own time.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many requests may be under way before the next is not sent, and has failed.</summary>
    public int MostUnderWay { get; init; } = 8000;

    /// <summary>The width of a window of the timeline.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>What the time before the first mark is called.</summary>
    public string FirstPhase { get; init; } = "steady";
}

/// <summary>How the short requests are divided, in parts of their sum.</summary>
/// <param name="KeptAlive">GETs on connections that are kept alive.</param>
/// <param name="New">GETs on a connection of their own.</param>
/// <param name="Post">POSTs on connections that are kept alive.</param>
/// <param name="Http2">GETs over HTTP/2; with a target that is not https they are <paramref name="KeptAlive"/>.</param>
public sealed record Mix(int KeptAlive = 5, int New = 2, int Post = 2, int Http2 = 1)
{
    /// <summary>One round of the mix, each kind spread evenly over it.</summary>
    internal IReadOnlyList<RequestKind> Round(bool http2)
    {
        (RequestKind Kind, int Parts)[] parts =
        [
            (RequestKind.KeptAlive, KeptAlive + (http2 ? 0 : Http2)),
            (RequestKind.New, New),
            (RequestKind.Post, Post),
            (RequestKind.Http2, http2 ? Http2 : 0),
        ];
        if (parts.Any(p => p.Parts < 0) || parts.Sum(p => p.Parts) == 0)
            throw new ArgumentException("a mix has parts, and none is below zero");
        return
        [
            .. parts
                .SelectMany(p => Enumerable.Range(0, p.Parts).Select(i => (p.Kind, At: (i + 0.5) / p.Parts)))
                .OrderBy(p => p.At)
                .Select(p => p.Kind),
        ];
    }
}
