using System.Runtime.CompilerServices;
using Appliance.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Appliance.Bench;

/// <summary>The agent, as published, on a release and on the engine of the test bed.</summary>
internal sealed class AgentProcess : MeasuredProcess
{
    private readonly GrpcChannel channel;
    private readonly StatusService.StatusServiceClient status;
    private readonly OperationsService.OperationsServiceClient operations;
    private readonly EventsService.EventsServiceClient events;

    private AgentProcess(TestBed bed, string folder, IEnumerable<(string, string)> settings)
        : base(
            bed.Program("appliance-agent"),
            ["--data", DataIn(folder), "--socket", SocketIn(folder), "--docker", bed.EngineEndpoint],
            Path.Combine(folder, "agent.log"),
            settings
        )
    {
        (Data, Socket) = (DataIn(folder), SocketIn(folder));
        channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = Over(Socket) });
        status = new(channel);
        operations = new(channel);
        events = new(channel);
    }

    public string Data { get; }

    public string Socket { get; }

    /// <summary>
    /// Starts it; with a name that was used before, it goes on with the state of that one. The first bundle it installs by
    /// itself, while nothing is installed.
    /// </summary>
    public static AgentProcess Start(
        TestBed bed,
        string name,
        string? firstBundle = null,
        params IEnumerable<(string, string)> more
    )
    {
        var folder = bed.Folder(name);
        File.Delete(SocketIn(folder));
        var settings = new List<(string, string)> { ("APPLIANCE__TRUST__ROOT", bed.Signer.Root) };
        if (firstBundle is not null)
            settings.Add(("APPLIANCE__SOURCES__FIRST_BUNDLE", firstBundle));
        settings.AddRange(more);
        return new(bed, folder, settings);
    }

    /// <summary>Starts it on an appliance where a release of so many equal services is installed, and runs.</summary>
    public static async Task<AgentProcess> StartInstalledAsync(
        TestBed bed,
        string name,
        int services,
        string definition,
        CancellationToken ct
    )
    {
        var bundle = await bed.BundleAsync(name, services, definition, ct);
        await using (var first = Start(bed, name, bundle))
            await first.UntilInstalledAsync(ct);
        return Start(bed, name);
    }

    /// <summary>From its start to its first answer, whatever the answer is.</summary>
    public Task<TimeSpan> UntilAnswerAsync(CancellationToken ct) =>
        UntilAsync(async token => await StatusAsync(token) is not null, TimeSpan.FromMinutes(1), ct);

    /// <summary>From its start to the first answer which says that all is well.</summary>
    public Task<TimeSpan> UntilWellAsync(CancellationToken ct) =>
        UntilAsync(async token => await StatusAsync(token) is { Health: Health.Ok }, TimeSpan.FromMinutes(10), ct);

    /// <summary>The steps of the newest operation, which it waits for; none of it may have failed.</summary>
    public async Task<IReadOnlyList<OperationStep>> StepsAsync(CancellationToken ct)
    {
        using var watch = operations.WatchOperation(new WatchOperationRequest(), cancellationToken: ct);
        var steps = new List<OperationStep>();
        Operation? seen = null;
        await foreach (var update in watch.ResponseStream.ReadAllAsync(ct))
        {
            seen = update.Operation;
            steps.AddRange(update.Steps);
        }
        return seen is { State: OperationState.Done }
            ? steps
            : throw new InvalidOperationException($"{seen?.Id} did not come to its end: {seen?.Reason}");
    }

    /// <summary>What it tells, from the beginning on, without end.</summary>
    public async IAsyncEnumerable<Event> EventsAsync([EnumeratorCancellation] CancellationToken ct)
    {
        using var call = events.StreamEvents(new StreamEventsRequest { Follow = true }, cancellationToken: ct);
        await foreach (var e in call.ResponseStream.ReadAllAsync(ct))
            yield return e;
    }

    /// <summary>Waits for what it installs by itself.</summary>
    public async Task UntilInstalledAsync(CancellationToken ct)
    {
        await UntilAsync(HasBegunAsync, TimeSpan.FromMinutes(2), ct);
        await StepsAsync(ct);
        await UntilWellAsync(ct);
    }

    private async Task<bool> HasBegunAsync(CancellationToken ct) =>
        await StatusAsync(ct) is not null
        && (await operations.ListOperationsAsync(new(), cancellationToken: ct)).Operations.Count > 0;

    public override async ValueTask DisposeAsync()
    {
        channel.Dispose();
        await base.DisposeAsync();
    }

    private static string DataIn(string folder) => Path.Combine(folder, "data");

    private static string SocketIn(string folder) => Path.Combine(folder, "agent.sock");

    private async Task<Appliance.V1.Status?> StatusAsync(CancellationToken ct)
    {
        try
        {
            return await status.GetStatusAsync(new GetStatusRequest(), cancellationToken: ct);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable)
        {
            return null;
        }
    }
}
