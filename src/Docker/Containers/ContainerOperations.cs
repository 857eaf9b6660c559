using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Appliance.Docker;

/// <summary>Containers, and what runs in them. A container is named by its id, the beginning of it, or its name.</summary>
public sealed class ContainerOperations
{
    private const string Root = "/containers/";
    private static readonly ApiVersion SaysWhetherRaw = new(1, 42);

    private readonly EngineTransport transport;

    internal ContainerOperations(EngineTransport transport) => this.transport = transport;

    /// <summary>Makes a container; it does not run yet.</summary>
    /// <param name="name">Its name; null for one that the engine makes up.</param>
    /// <param name="spec">What it is made from.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <exception cref="EngineConflictException">The name is taken.</exception>
    /// <exception cref="EngineNotFoundException">There is no such image.</exception>
    public Task<CreatedContainer> CreateAsync(string? name, ContainerSpec spec, CancellationToken ct) =>
        transport.PostAsync(
            new Query("/containers/create").With("name", name),
            EngineTransport.Json(spec, ApiJson.Default.ContainerSpec),
            ApiJson.Default.CreatedContainer,
            ct
        );

    /// <summary>Starts it; false when it runs already.</summary>
    /// <exception cref="DockerEngineException">
    /// It cannot run: no such program, a port that is taken, a host path that is missing.
    /// </exception>
    public Task<bool> StartAsync(string container, CancellationToken ct) =>
        transport.ChangeAsync(HttpMethod.Post, Query.Of(Root, container, "/start"), body: null, ct);

    /// <summary>Asks it to end, kills it after the grace period, and returns when it is gone.</summary>
    /// <param name="container">The container.</param>
    /// <param name="grace">
    /// How long it has to end by itself, rounded up to seconds; <see cref="Timeout.InfiniteTimeSpan"/> for ever.
    /// </param>
    /// <param name="signal">
    /// What asks; null for the container's own signal. An engine before API 1.42 knows only that one and ignores this.
    /// </param>
    /// <param name="ct">Cancels the wait, not the stop.</param>
    /// <returns>False when it did not run.</returns>
    public Task<bool> StopAsync(string container, TimeSpan grace, string? signal, CancellationToken ct) =>
        transport.ChangeAsync(
            HttpMethod.Post,
            Query.Of(Root, container, "/stop").With("t", Seconds(grace)).With("signal", signal),
            body: null,
            WithMargin(grace),
            ct
        );

    /// <summary>Stops it as <see cref="StopAsync"/> does, if it runs, and starts it.</summary>
    public Task RestartAsync(string container, TimeSpan grace, CancellationToken ct) =>
        transport.ChangeAsync(
            HttpMethod.Post,
            Query.Of(Root, container, "/restart").With("t", Seconds(grace)),
            body: null,
            WithMargin(grace),
            ct
        );

    /// <summary>Sends its first process a signal, by name or number.</summary>
    /// <exception cref="EngineConflictException">It does not run.</exception>
    public Task KillAsync(string container, string signal, CancellationToken ct) =>
        transport.ChangeAsync(
            HttpMethod.Post,
            Query.Of(Root, container, "/kill").With("signal", signal),
            body: null,
            ct
        );

    /// <summary>Freezes its processes.</summary>
    public Task PauseAsync(string container, CancellationToken ct) =>
        transport.ChangeAsync(HttpMethod.Post, Query.Of(Root, container, "/pause"), body: null, ct);

    /// <summary>Thaws its processes.</summary>
    public Task UnpauseAsync(string container, CancellationToken ct) =>
        transport.ChangeAsync(HttpMethod.Post, Query.Of(Root, container, "/unpause"), body: null, ct);

    /// <summary>Removes it.</summary>
    /// <param name="container">The container.</param>
    /// <param name="force">Kills it first, if it runs.</param>
    /// <param name="removeAnonymousVolumes">Also removes its volumes that were given no name.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <exception cref="EngineConflictException">It runs, or is being removed already.</exception>
    public Task RemoveAsync(string container, bool force, bool removeAnonymousVolumes, CancellationToken ct) =>
        transport.ChangeAsync(
            HttpMethod.Delete,
            Query.Of(Root, container).With("force", force).With("v", removeAnonymousVolumes),
            body: null,
            ct
        );

    /// <summary>Gives it another name.</summary>
    /// <exception cref="EngineConflictException">The name is taken.</exception>
    public Task RenameAsync(string container, string newName, CancellationToken ct) =>
        transport.ChangeAsync(
            HttpMethod.Post,
            Query.Of(Root, container, "/rename").With("name", newName),
            body: null,
            ct
        );

    /// <summary>Changes its resources or its restart policy while it runs; returns the engine's warnings.</summary>
    public async Task<IReadOnlyList<string>> UpdateAsync(string container, ContainerUpdate update, CancellationToken ct)
    {
        var reply = await transport.PostAsync(
            Query.Of(Root, container, "/update"),
            EngineTransport.Json(update, ApiJson.Default.ContainerUpdate),
            ApiJson.Default.ContainerUpdateReply,
            ct
        );
        return reply.Warnings;
    }

    /// <summary>All that the engine knows of it.</summary>
    public Task<ContainerInspection> InspectAsync(string container, CancellationToken ct) =>
        transport.GetAsync(Query.Of(Root, container, "/json"), ApiJson.Default.ContainerInspection, ct);

    /// <summary>The containers that match, the newest first.</summary>
    public Task<IReadOnlyList<ContainerSummary>> ListAsync(ContainerQuery query, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        return transport.GetAsync(
            new Query("/containers/json")
                .With("all", query.All || query.Statuses.Count > 0)
                .Filter("label", query.Labels)
                .Filter("name", query.Names)
                .Filter("id", query.Ids)
                .Filter("status", [.. query.Statuses.Select(Words.Of)]),
            ApiJson.Default.IReadOnlyListContainerSummary,
            ct
        );
    }

    /// <summary>Returns when it has ended, for as long as that takes.</summary>
    public async Task<ContainerExit> WaitAsync(string container, WaitCondition condition, CancellationToken ct)
    {
        var words = condition switch
        {
            WaitCondition.NotRunning => "not-running",
            WaitCondition.NextExit => "next-exit",
            WaitCondition.Removed => "removed",
            _ => throw new ArgumentOutOfRangeException(nameof(condition)),
        };
        var reply = await transport.AskAsync(
            HttpMethod.Post,
            Query.Of(Root, container, "/wait").With("condition", words),
            body: null,
            Timeout.InfiniteTimeSpan,
            ApiJson.Default.WaitReply,
            ct
        );
        return new(reply.StatusCode, reply.Error?.Message);
    }

    /// <summary>What it wrote, byte for byte.</summary>
    public IAsyncEnumerable<OutputFrame> LogsAsync(string container, LogQuery query, CancellationToken ct) =>
        ReadLogsAsync(container, query, timestamps: false, ct);

    /// <summary>What it wrote, line by line.</summary>
    public IAsyncEnumerable<LogLine> LogLinesAsync(string container, LogQuery query, CancellationToken ct) =>
        LogLineReader.ReadAsync(
            ReadLogsAsync(container, query, timestamps: true, ct),
            transport.Options.MaxLogLineBytes,
            ct
        );

    /// <summary>What it uses now. Costs the engine next to nothing; rates take two of them.</summary>
    public Task<ContainerStats> StatsAsync(string container, CancellationToken ct) =>
        transport.GetAsync(
            Query.Of(Root, container, "/stats").With("stream", "0").With("one-shot", "1"),
            ApiJson.Default.ContainerStats,
            ct
        );

    /// <summary>What it uses, every second, until it is removed.</summary>
    public async IAsyncEnumerable<ContainerStats> WatchStatsAsync(
        string container,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var path = Query.Of(Root, container, "/stats").With("stream", "1");
        await using var stream = await transport.OpenAsync(
            HttpMethod.Get,
            path,
            body: null,
            transport.Options.ReadTimeout,
            ct
        );
        var all = JsonStream.ReadAllAsync(
            stream,
            transport.Options.MaxStreamLineBytes,
            ApiJson.Default.ContainerStats,
            ct
        );
        await foreach (var stats in all)
            yield return stats;
    }

    /// <summary>Prepares a command, and returns its id for the other exec calls.</summary>
    /// <exception cref="EngineConflictException">The container does not run, or is paused.</exception>
    public async Task<string> CreateExecAsync(string container, ExecSpec spec, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var creation = new ExecCreation
        {
            Cmd = spec.Command,
            Env = spec.Env,
            User = spec.User,
            WorkingDir = spec.WorkingDir,
            Privileged = spec.Privileged,
        };
        var reply = await transport.PostAsync(
            Query.Of(Root, container, "/exec"),
            EngineTransport.Json(creation, ApiJson.Default.ExecCreation),
            ApiJson.Default.IdReply,
            ct
        );
        return reply.Id;
    }

    /// <summary>Runs a prepared command, and gives its output until it ends.</summary>
    /// <remarks>The engine goes on running a command that is no longer listened to; it has no call to end one.</remarks>
    public async IAsyncEnumerable<OutputFrame> StartExecAsync(
        string execId,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        await using var stream = await transport.OpenAsync(
            HttpMethod.Post,
            Query.Of("/exec/", execId, "/start"),
            EngineTransport.Json(new ExecStart(), ApiJson.Default.ExecStart),
            transport.Options.ChangeTimeout,
            ct
        );
        await foreach (var frame in FrameReader.ReadFramesAsync(stream, transport.Options.MaxFrameBytes, ct))
            yield return frame;
    }

    /// <summary>Whether a command still runs, and how it ended.</summary>
    public Task<ExecInspection> InspectExecAsync(string execId, CancellationToken ct) =>
        transport.GetAsync(Query.Of("/exec/", execId, "/json"), ApiJson.Default.ExecInspection, ct);

    /// <summary>Runs a command to its end.</summary>
    /// <param name="container">The container, which must be running.</param>
    /// <param name="spec">The command.</param>
    /// <param name="maxOutputBytes">How much of each output is kept; the rest is read and dropped.</param>
    /// <param name="ct">Cancels the call, not the command: see <see cref="StartExecAsync"/>.</param>
    /// <exception cref="EngineConflictException">The container does not run, or is paused.</exception>
    public async Task<ExecResult> ExecAsync(
        string container,
        ExecSpec spec,
        int maxOutputBytes,
        CancellationToken ct
    ) => await RunExecAsync(await CreateExecAsync(container, spec, ct), maxOutputBytes, ct);

    /// <summary>Runs a prepared command to its end.</summary>
    /// <param name="execId">Of <see cref="CreateExecAsync"/>.</param>
    /// <param name="maxOutputBytes">How much of each output is kept; the rest is read and dropped.</param>
    /// <param name="ct">Cancels the call, not the command: see <see cref="StartExecAsync"/>.</param>
    public async Task<ExecResult> RunExecAsync(string execId, int maxOutputBytes, CancellationToken ct)
    {
        var stdout = new KeptOutput(maxOutputBytes);
        var stderr = new KeptOutput(maxOutputBytes);
        await foreach (var frame in StartExecAsync(execId, ct))
            (frame.Stream == OutputSource.Stderr ? stderr : stdout).Add(frame.Data.Span);
        return new(
            await ExitCodeAsync(execId, ct),
            stdout.Text,
            stderr.Text,
            Truncated: stdout.Truncated || stderr.Truncated
        );
    }

    // The output ends an instant before the engine records how the command ended.
    private async Task<int> ExitCodeAsync(string execId, CancellationToken ct)
    {
        using var deadline = new Deadline(transport.Options.ReadTimeout, transport.Clock, ct);
        return await deadline.GuardAsync(async token =>
        {
            for (var pause = 1; ; pause *= 2)
            {
                if (await InspectExecAsync(execId, token) is { Running: false, ExitCode: { } exitCode })
                    return exitCode;
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(pause, 250)), transport.Clock, token);
            }
        });
    }

    private async IAsyncEnumerable<OutputFrame> ReadLogsAsync(
        string container,
        LogQuery query,
        bool timestamps,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        ArgumentNullException.ThrowIfNull(query);
        // Older engines do not say which of the two forms the output has, and a terminal decides it.
        var raw =
            await transport.VersionAsync(ct) < SaysWhetherRaw && (await InspectAsync(container, ct)).Config.Tty == true;
        await using var stream = await transport.OpenAsync(
            HttpMethod.Get,
            Query
                .Of(Root, container, "/logs")
                .With("stdout", query.Stdout)
                .With("stderr", query.Stderr)
                .With("follow", query.Follow)
                .With("timestamps", timestamps)
                .With("since", query.Since)
                .With("until", query.Until)
                .With("tail", query.Tail?.ToString(CultureInfo.InvariantCulture)),
            body: null,
            transport.Options.ReadTimeout,
            ct
        );
        raw |= stream.Response.Content.Headers.ContentType?.MediaType == "application/vnd.docker.raw-stream";
        var frames = raw
            ? FrameReader.ReadRawAsync(stream, ct)
            : FrameReader.ReadFramesAsync(stream, transport.Options.MaxFrameBytes, ct);
        await foreach (var frame in frames)
            yield return frame;
    }

    private static int Seconds(TimeSpan grace) =>
        grace == Timeout.InfiniteTimeSpan ? -1 : (int)Math.Ceiling(grace.TotalSeconds);

    private TimeSpan WithMargin(TimeSpan grace) =>
        grace == Timeout.InfiniteTimeSpan ? grace : grace + transport.Options.ChangeTimeout;

    private sealed class KeptOutput(int maxBytes)
    {
        private readonly List<byte> kept = [];

        public bool Truncated { get; private set; }

        public string Text => Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(kept));

        public void Add(ReadOnlySpan<byte> data)
        {
            var room = maxBytes - kept.Count;
            Truncated |= data.Length > room;
            kept.AddRange(data[..Math.Min(data.Length, room)]);
        }
    }
}

internal sealed record ContainerUpdateReply
{
    public IReadOnlyList<string> Warnings
    {
        get => field ?? [];
        init;
    }
}

internal sealed record WaitReply
{
    public int StatusCode { get; init; }

    public WaitError? Error { get; init; }
}

internal sealed record WaitError
{
    public string? Message { get; init; }
}
