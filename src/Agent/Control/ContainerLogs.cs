using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Appliance.Agent.Supervision;
using Appliance.Docker;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Agent.Control;

/// <param name="Services">Empty: all.</param>
/// <param name="Tail">So many lines of each container at most; null: all.</param>
internal sealed record LogRequest(IReadOnlySet<string> Services, bool Follow, int? Tail, DateTimeOffset? Since);

/// <summary>
/// The output of several containers as one stream. What is past is merged by time. Then each container is followed, and
/// taken up again where it was left after it, its successor or the engine was restarted.
/// </summary>
internal sealed class ContainerLogs(DockerEngine engine, ISupervisor supervisor, TimeProvider clock)
{
    /// <summary>Between two attempts on the same container, while the view of it may still be an old one.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Lines of at most 64 KiB: what a slow reader can hold in memory.</summary>
    private const int Ahead = 64;

    /// <exception cref="EngineUnavailableException">Only for the past: a follower waits for the engine.</exception>
    public async IAsyncEnumerable<V1.LogLine> ReadAsync(
        LogRequest request,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var view = supervisor.View;
        var began = clock.GetUtcNow();
        var followed = new Dictionary<string, Cursor>();
        var past = new List<IAsyncEnumerator<(Source Source, LogLine Line)>>();
        foreach (var source in SourcesOf(view, request))
        {
            // Of a container without a past to show, only what it writes from now on is new.
            var since = request.Tail == 0 ? began : request.Since;
            followed[source.Id] = new Cursor(since);
            past.Add(PastAsync(source, request, ct).GetAsyncEnumerator(ct));
        }
        await foreach (var (source, line) in MergeAsync(past, ct))
        {
            followed[source.Id].Take(line);
            yield return ToMessage(source, line);
        }
        if (!request.Follow)
            yield break;

        await foreach (var line in FollowAsync(view, request, followed, ct))
            yield return line;
    }

    private static IEnumerable<Source> SourcesOf(SupervisionView view, LogRequest request) =>
        from service in view.Services
        where request.Services.Count == 0 || request.Services.Contains(service.Name)
        from container in service.Containers
        where container.Id.Length > 0
        select new Source(container.Id, service.Name, container.Name);

    private async IAsyncEnumerable<(Source, LogLine)> PastAsync(
        Source source,
        LogRequest request,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var query = new LogQuery { Tail = request.Tail, Since = request.Since };
        var lines = engine.Containers.LogLinesAsync(source.Id, query, ct).GetAsyncEnumerator(ct);
        await using (lines)
        {
            while (true)
            {
                try
                {
                    if (!await lines.MoveNextAsync())
                        yield break;
                }
                catch (Exception e) when (e is EngineNotFoundException or EngineConflictException)
                {
                    // Removed, or being removed, since the view was taken.
                    yield break;
                }
                catch (EngineUnavailableException) when (request.Follow)
                {
                    yield break;
                }
                yield return (source, lines.Current);
            }
        }
    }

    private static async IAsyncEnumerable<(Source, LogLine)> MergeAsync(
        List<IAsyncEnumerator<(Source Source, LogLine Line)>> inputs,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        try
        {
            var next = new PriorityQueue<IAsyncEnumerator<(Source Source, LogLine Line)>, DateTimeOffset>();
            foreach (var input in inputs)
            {
                if (await input.MoveNextAsync())
                    next.Enqueue(input, input.Current.Line.Timestamp);
            }
            while (next.TryDequeue(out var earliest, out _))
            {
                ct.ThrowIfCancellationRequested();
                yield return earliest.Current;
                if (await earliest.MoveNextAsync())
                    next.Enqueue(earliest, earliest.Current.Line.Timestamp);
            }
        }
        finally
        {
            foreach (var input in inputs)
                await input.DisposeAsync();
        }
    }

    private async IAsyncEnumerable<V1.LogLine> FollowAsync(
        SupervisionView view,
        LogRequest request,
        Dictionary<string, Cursor> cursors,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var lines = Channel.CreateBounded<V1.LogLine>(Ahead);
        var work = FollowAllAsync(view, request, cursors, lines.Writer, ending.Token);
        try
        {
            await foreach (var line in lines.Reader.ReadAllAsync(ct))
                yield return line;
        }
        finally
        {
            await ending.CancelAsync();
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Whatever fails here ends the stream with that error: it goes through the channel to the caller.
    private async Task FollowAllAsync(
        SupervisionView view,
        LogRequest request,
        Dictionary<string, Cursor> cursors,
        ChannelWriter<V1.LogLine> lines,
        CancellationToken ct
    )
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var running = new Dictionary<string, Task>();
        try
        {
            while (true)
            {
                var sources = SourcesOf(view, request).ToList();
                foreach (var source in sources.Where(s => !running.ContainsKey(s.Id)))
                {
                    var cursor = cursors.TryGetValue(source.Id, out var known) ? known : new Cursor(Since: null);
                    running[source.Id] = FollowOneAsync(source, cursor, lines, ending.Token);
                }
                // A container that is gone does not come back under the same id.
                foreach (var gone in running.Where(r => r.Value.IsCompletedSuccessfully).Select(r => r.Key).ToList())
                {
                    if (!sources.Exists(s => s.Id == gone))
                        running.Remove(gone);
                }
                var changed = supervisor.WaitForChangeAsync(view, ending.Token);
                var first = await Task.WhenAny([changed, .. running.Values.Where(r => !r.IsCompletedSuccessfully)]);
                await first;
                view = supervisor.View;
            }
        }
        catch (Exception e)
        {
            lines.TryComplete(e);
        }
        finally
        {
            await ending.CancelAsync();
            await Task.WhenAll(running.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FollowOneAsync(
        Source source,
        Cursor cursor,
        ChannelWriter<V1.LogLine> lines,
        CancellationToken ct
    )
    {
        while (true)
        {
            var run = StartOf(source.Id);
            try
            {
                var query = new LogQuery { Follow = true, Since = cursor.Since };
                cursor.Resume();
                await foreach (var line in engine.Containers.LogLinesAsync(source.Id, query, ct))
                {
                    if (cursor.Take(line))
                        await lines.WriteAsync(ToMessage(source, line), ct);
                }
            }
            catch (EngineNotFoundException)
            {
                return;
            }
            catch (Exception e) when (e is EngineUnavailableException or EngineConflictException)
            {
                // The engine comes back; a container that is being removed is gone from the view soon.
            }
            await Task.Delay(Pause, clock, ct);
            if (!await NextRunAsync(source.Id, run, ct))
                return;
        }
    }

    // Until the container runs, or has run since: then there is more to read. False: it was removed.
    private async Task<bool> NextRunAsync(string id, DateTimeOffset? run, CancellationToken ct)
    {
        while (true)
        {
            var view = supervisor.View;
            var container = ContainerOf(view, id);
            if (view.Engine.Reachable && container is null)
                return false;
            if (view.Engine.Reachable && (container!.State == "running" || container.StartedAt != run))
                return true;
            await supervisor.WaitForChangeAsync(view, ct);
        }
    }

    private DateTimeOffset? StartOf(string id) => ContainerOf(supervisor.View, id)?.StartedAt;

    private static ContainerView? ContainerOf(SupervisionView view, string id) =>
        view.Services.SelectMany(s => s.Containers).FirstOrDefault(c => c.Id == id);

    private static V1.LogLine ToMessage(Source source, LogLine line) =>
        new()
        {
            Service = source.Service,
            Container = source.Name,
            Time = line.Timestamp.ToTimestamp(),
            Stream =
                line.Stream == OutputSource.Stderr ? V1.LogLine.Types.Stream.Stderr : V1.LogLine.Types.Stream.Stdout,
            Text = line.Text,
        };

    private sealed record Source(string Id, string Service, string Name);

    /// <summary>
    /// How far a container's log was read. The engine gives lines from a time on, inclusive, so those of that very time
    /// that were read before are counted and passed over.
    /// </summary>
    internal sealed class Cursor(DateTimeOffset? Since)
    {
        private int readAtSince;
        private int toSkip;

        /// <summary>Where the next reading begins; null: at the start of the log.</summary>
        public DateTimeOffset? Since { get; private set; } = Since;

        public void Resume() => toSkip = readAtSince;

        /// <summary>Whether the line is new.</summary>
        public bool Take(LogLine line)
        {
            if (line.Timestamp == Since && toSkip > 0)
            {
                toSkip--;
                return false;
            }
            toSkip = 0;
            readAtSince = line.Timestamp == Since ? readAtSince + 1 : 1;
            Since = line.Timestamp;
            return true;
        }
    }
}
