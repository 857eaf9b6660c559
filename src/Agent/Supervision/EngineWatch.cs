using Appliance.Docker;
using Polly;
using Polly.Retry;

namespace Appliance.Agent.Supervision;

/// <summary>
/// Keeps a connection to the engine's events, and knows whether the engine is there. It never gives up: it asks again
/// at a growing pace, up to a few seconds, until the engine answers.
/// </summary>
internal sealed class EngineWatch
{
    // A stream that is silent may belong to an engine that hangs; only a question tells.
    private static readonly TimeSpan PulseEvery = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan PulseWithin = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan BetweenSessions = TimeSpan.FromMilliseconds(200);

    private static readonly EventType[] Watched =
    [
        EventType.Container,
        EventType.Network,
        EventType.Volume,
        EventType.Image,
    ];

    // Without the exec events of every health check, which would wake the agent many times a minute for nothing.
    private static readonly string[] Heard =
    [
        EventActions.Create,
        EventActions.Start,
        EventActions.Die,
        EventActions.OutOfMemory,
        EventActions.Pause,
        EventActions.Unpause,
        EventActions.Rename,
        EventActions.Update,
        EventActions.Destroy,
        EventActions.HealthStatus,
        EventActions.Connect,
        EventActions.Disconnect,
        EventActions.Remove,
        EventActions.Untag,
        EventActions.Delete,
        "tag",
        "load",
        "pull",
        "import",
    ];

    private readonly DockerEngine engine;
    private readonly TimeProvider clock;
    private readonly ResiliencePipeline untilThere;
    private readonly Lock gate = new();
    private CancellationTokenSource? session;

    public EngineWatch(DockerEngine engine, string endpoint, TimeProvider clock)
    {
        (this.engine, this.clock) = (engine, clock);
        View = new EngineView(false, endpoint, "", "", false, clock.GetUtcNow(), "not asked yet");
        untilThere = new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddRetry(
                new RetryStrategyOptions
                {
                    ShouldHandle = new PredicateBuilder()
                        .Handle<EngineUnavailableException>()
                        .Handle<DockerEngineException>(),
                    MaxRetryAttempts = int.MaxValue,
                    BackoffType = DelayBackoffType.Exponential,
                    UseJitter = true,
                    Delay = TimeSpan.FromMilliseconds(100),
                    MaxDelay = TimeSpan.FromSeconds(3),
                    OnRetry = arguments =>
                    {
                        Lose(arguments.Outcome.Exception!);
                        return default;
                    },
                }
            )
            .Build();
    }

    /// <summary>The engine, as last seen.</summary>
    public EngineView View { get; private set; }

    /// <summary>Called when it comes, and when it goes, with the view of it.</summary>
    public Action<EngineView> Changed { get; set; } = _ => { };

    public Action<EngineEvent> Happened { get; set; } = _ => { };

    /// <summary>Somebody else's call found the engine gone or silent: the connection is begun anew.</summary>
    public void Doubt(EngineUnavailableException e) => Doubt(e.Message, e.IsSilence);

    private void Doubt(string error, bool hangs)
    {
        Lose(error, hangs);
        lock (gate)
            session?.Cancel();
    }

    public async Task RunAsync(CancellationToken ct)
    {
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            using var current = CancellationTokenSource.CreateLinkedTokenSource(ct);
            lock (gate)
                session = current;
            try
            {
                await untilThere.ExecuteAsync(FindAsync, current.Token);
                // Two seconds back: what happened while we asked must not fall between the answers and the stream.
                var since = clock.GetUtcNow() - TimeSpan.FromSeconds(2);
                _ = WatchPulseAsync(current.Token);
                await foreach (
                    var e in engine.Events.ReadAsync(
                        new EventQuery
                        {
                            Since = since,
                            Types = Watched,
                            Actions = Heard,
                        },
                        current.Token
                    )
                )
                    Happened(e);
                Lose("the engine closed its stream of events", hangs: false);
            }
            catch (Exception e) when (e is EngineUnavailableException or DockerEngineException)
            {
                Lose(e);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested) { }
            finally
            {
                lock (gate)
                    session = null;
                await current.CancelAsync();
            }

            // An engine that answers and yet ends every stream must not be asked in a tight loop.
            await Task.Delay(BetweenSessions, clock, ct);
        }
    }

    private async Task WatchPulseAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await Task.Delay(PulseEvery, clock, ct);
                using var deadline = new CancellationTokenSource(PulseWithin, clock);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
                try
                {
                    await engine.System.PingAsync(either.Token);
                }
                catch (OperationCanceledException) when (!ct.IsCancellationRequested)
                {
                    Doubt($"the engine does not answer a ping within {PulseWithin.TotalSeconds} s", hangs: true);
                }
                catch (EngineUnavailableException e)
                {
                    Doubt(e);
                }
                catch (DockerEngineException e)
                {
                    Doubt(e.Message, hangs: false);
                }
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested) { }
    }

    private async ValueTask FindAsync(CancellationToken ct)
    {
        var version = await engine.System.VersionAsync(ct);
        var info = await engine.System.InfoAsync(ct);
        lock (gate)
            View = View with
            {
                Reachable = true,
                Version = version.Version,
                ApiVersion = version.ApiVersion,
                LiveRestore = info.LiveRestoreEnabled,
                Since = View.Reachable ? View.Since : clock.GetUtcNow(),
                Error = null,
                Hangs = false,
                Folder = info.DockerRootDir,
            };
        Changed(View);
    }

    private void Lose(Exception e) => Lose(e.Message, e is EngineUnavailableException { IsSilence: true });

    private void Lose(string error, bool hangs)
    {
        lock (gate)
        {
            if (!View.Reachable && View.Error == error && View.Hangs == hangs)
                return;
            View = View with
            {
                Reachable = false,
                Since = View.Reachable ? clock.GetUtcNow() : View.Since,
                Error = error,
                Hangs = hangs,
            };
        }

        Changed(View);
    }
}
