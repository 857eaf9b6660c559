using Appliance.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Appliance.Bench;

/// <summary>The agent, as published, on a release and on the engine of the test bed.</summary>
internal sealed class AgentProcess : MeasuredProcess
{
    private readonly GrpcChannel channel;
    private readonly StatusService.StatusServiceClient client;

    private AgentProcess(string program, string release, string folder, string engine)
        : base(
            program,
            [
                "--release",
                release,
                "--data",
                Path.Combine(folder, "data"),
                "--socket",
                SocketIn(folder),
                "--docker",
                engine,
            ],
            Path.Combine(folder, "agent.log")
        )
    {
        Socket = SocketIn(folder);
        channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = Over(Socket) });
        client = new(channel);
    }

    public string Socket { get; }

    /// <summary>Starts it; with a name that was used before, it goes on with the state of that one.</summary>
    public static AgentProcess Start(TestBed bed, string name, string release)
    {
        var folder = bed.Folder(name);
        File.Delete(SocketIn(folder));
        return new(bed.Program("appliance-agent"), release, folder, bed.EngineEndpoint);
    }

    /// <summary>From its start to its first answer, whatever the answer is.</summary>
    public Task<TimeSpan> UntilAnswerAsync(CancellationToken ct) =>
        UntilAsync(async token => await StatusAsync(token) is not null, TimeSpan.FromMinutes(1), ct);

    /// <summary>From its start to the first answer which says that all is well.</summary>
    public Task<TimeSpan> UntilWellAsync(CancellationToken ct) =>
        UntilAsync(async token => await StatusAsync(token) is { Health: Health.Ok }, TimeSpan.FromMinutes(10), ct);

    public override async ValueTask DisposeAsync()
    {
        channel.Dispose();
        await base.DisposeAsync();
    }

    private static string SocketIn(string folder) => Path.Combine(folder, "agent.sock");

    private async Task<Appliance.V1.Status?> StatusAsync(CancellationToken ct)
    {
        try
        {
            return await client.GetStatusAsync(new GetStatusRequest(), cancellationToken: ct);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable)
        {
            return null;
        }
    }
}
