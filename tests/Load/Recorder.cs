namespace Appliance.Load;

/// <summary>
/// Counts what happens, by phase and by window. A request belongs to those in which it ended: what ended a long request is
/// what happened then, and not when it began.
/// </summary>
internal sealed class Recorder
{
    // All are counted; nobody reads more than these one by one.
    private const int MostFailures = 1000;

    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly TimeSpan window;
    private readonly long started;
    private readonly DateTimeOffset began;
    private readonly TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
    private readonly List<Phase> phases = [];
    private readonly List<Window> windows = [];
    private readonly List<Failure> failures = [];
    private readonly Histogram lateness = new();
    private int underWay;
    private int mostUnderWay;
    private long closedIdle;
    private TimeSpan? ended;
    private TimeSpan processor;

    public Recorder(TimeProvider clock, TimeSpan window, string firstPhase)
    {
        this.clock = clock;
        this.window = window;
        started = clock.GetTimestamp();
        began = clock.GetUtcNow();
        phases.Add(new(firstPhase, TimeSpan.Zero));
    }

    public int UnderWay
    {
        get
        {
            lock (gate)
                return underWay;
        }
    }

    public void Mark(string name)
    {
        lock (gate)
        {
            var now = Now;
            phases[^1].Ended = now;
            phases.Add(new(name, now));
        }
    }

    public void Began()
    {
        lock (gate)
            mostUnderWay = Math.Max(mostUnderWay, ++underWay);
    }

    public void Ended()
    {
        lock (gate)
            underWay--;
    }

    /// <summary>How much later than due something was begun: the fault of this process or its machine, never the server's.</summary>
    public void Late(TimeSpan by)
    {
        lock (gate)
        {
            lateness.Add(by);
            phases[^1].Lateness.Add(by);
        }
    }

    public void Record(RequestKind kind, TimeSpan latency, Outcome outcome)
    {
        lock (gate)
        {
            var now = Now;
            var phase = phases[^1];
            var count = phase.Of(kind);
            var current = WindowAt(now);
            count.Requests++;
            current.Requests++;
            if (outcome.Version is { } version)
            {
                Count(phase.Versions, version);
                Count(current.Versions, version);
            }
            if (outcome.Failure is { } failure)
            {
                count.Failed++;
                current.Failed++;
                Count(phase.Failures, failure);
                if (failures.Count < MostFailures)
                    failures.Add(new(now, phase.Name, kind, failure, outcome.Detail ?? "", latency));
                return;
            }
            // What fails at once would make the service look fast.
            count.Latency.Add(latency);
            if (kind is not (RequestKind.LongPoll or RequestKind.Stream or RequestKind.WebSocket))
            {
                phase.Latency.Add(latency);
                current.Latency.Add(latency);
            }
        }
    }

    /// <summary>A WebSocket was told to go elsewhere.</summary>
    public void Drained()
    {
        lock (gate)
            phases[^1].Drained++;
    }

    /// <summary>A connection was closed while nothing was asked on it, as a server may at any time.</summary>
    public void ClosedIdle()
    {
        lock (gate)
            closedIdle++;
    }

    /// <summary>The server showed this certificate.</summary>
    public void Certificate(string thumbprint)
    {
        lock (gate)
            Count(phases[^1].Certificates, thumbprint);
    }

    /// <summary>Nothing more is to come: the time stands still.</summary>
    public void Stop()
    {
        lock (gate)
        {
            processor = Environment.CpuUsage.TotalTime - processorBefore;
            ended = Now;
        }
    }

    public LoadReport Report()
    {
        lock (gate)
        {
            var now = Now;
            var used = ended is null ? Environment.CpuUsage.TotalTime - processorBefore : processor;
            return new(
                began,
                now,
                [.. phases.Select(p => p.Report(p.Ended ?? now))],
                [.. windows.Select(w => w.Report())],
                [.. failures],
                new(LatencyReport.Of(lateness), used / now, mostUnderWay, closedIdle)
            );
        }
    }

    private TimeSpan Now => ended ?? clock.GetElapsedTime(started);

    private Window WindowAt(TimeSpan now)
    {
        var index = (int)(now / window);
        while (windows.Count <= index)
            windows.Add(new(windows.Count * window));
        return windows[index];
    }

    private static void Count<T>(SortedDictionary<T, long> counts, T what)
        where T : notnull => counts[what] = counts.GetValueOrDefault(what) + 1;

    private sealed class Phase(string name, TimeSpan began)
    {
        private readonly SortedDictionary<RequestKind, KindCount> kinds = [];

        public string Name => name;

        public TimeSpan? Ended { get; set; }

        public long Drained { get; set; }

        public Histogram Latency { get; } = new();

        public Histogram Lateness { get; } = new();

        public SortedDictionary<FailureKind, long> Failures { get; } = [];

        public SortedDictionary<string, long> Versions { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, long> Certificates { get; } = new(StringComparer.Ordinal);

        public KindCount Of(RequestKind kind)
        {
            if (!kinds.TryGetValue(kind, out var count))
                kinds.Add(kind, count = new());
            return count;
        }

        public PhaseReport Report(TimeSpan until) =>
            new(
                name,
                began,
                until - began,
                kinds.Values.Sum(k => k.Requests),
                kinds.Values.Sum(k => k.Failed),
                new SortedDictionary<FailureKind, long>(Failures),
                LatencyReport.Of(Latency),
                LatencyReport.Of(Lateness),
                new SortedDictionary<string, long>(Versions),
                Drained,
                [.. Certificates.Keys],
                new SortedDictionary<RequestKind, KindReport>(
                    kinds.ToDictionary(
                        k => k.Key,
                        k => new KindReport(k.Value.Requests, k.Value.Failed, LatencyReport.Of(k.Value.Latency))
                    )
                )
            );
    }

    private sealed class KindCount
    {
        public long Requests { get; set; }

        public long Failed { get; set; }

        public Histogram Latency { get; } = new();
    }

    private sealed class Window(TimeSpan began)
    {
        public long Requests { get; set; }

        public long Failed { get; set; }

        public Histogram Latency { get; } = new();

        public SortedDictionary<string, long> Versions { get; } = new(StringComparer.Ordinal);

        public WindowReport Report() =>
            new(
                began,
                Requests,
                Failed,
                LatencyReport.Of(Latency),
                new SortedDictionary<string, long>(Versions, StringComparer.Ordinal)
            );
    }
}

/// <summary>What became of a request.</summary>
/// <param name="Version">The version that answered; null when none said so.</param>
/// <param name="Failure">How it failed; null when it did not.</param>
/// <param name="Detail">The failure in words.</param>
internal readonly record struct Outcome(string? Version, FailureKind? Failure = null, string? Detail = null);
