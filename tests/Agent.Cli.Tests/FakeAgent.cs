using System.Threading.Channels;
using Appliance.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Status = Appliance.V1.Status;

namespace Agent.Cli.Tests;

/// <summary>A real gRPC server on a unix socket, which answers what a test tells it to.</summary>
internal sealed partial class FakeAgent : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("actl-");
    private readonly Channel<string> calls = Channel.CreateUnbounded<string>();
    private WebApplication? server;

    public string Socket => Path.Combine(folder.FullName, "agent.sock");

    public Status Status { get; set; } = new();

    public List<ServiceDetail> Services { get; } = [];

    public List<AuditRecord> Audit { get; } = [];

    public VerifyAuditResponse AuditVerdict { get; set; } = new() { Intact = true };

    /// <summary>What every call fails with, when set.</summary>
    public RpcException? Failure { get; set; }

    /// <summary>Whether stopping a service takes for ever.</summary>
    public bool Stuck { get; set; }

    /// <summary>Durable, as the agent's are: they outlive <see cref="StopAsync"/>.</summary>
    public Feed<Event> Events { get; } = new();

    public Feed<LogLine> Logs { get; } = new();

    /// <summary>The calls as they came, in JSON behind the method's name.</summary>
    public List<string> Calls { get; } = [];

    public static async Task<FakeAgent> StartAsync()
    {
        var agent = new FakeAgent();
        await agent.ListenAsync();
        return agent;
    }

    public async Task ListenAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k =>
            k.ListenUnixSocket(Socket, listen => listen.Protocols = HttpProtocols.Http2)
        );
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.Zero);
        builder.Services.AddSingleton(this);
        builder.Services.AddGrpc();
        server = builder.Build();
        server.MapGrpcService<StatusAnswers>();
        server.MapGrpcService<ServicesAnswers>();
        server.MapGrpcService<EventsAnswers>();
        server.MapGrpcService<AuditAnswers>();
        server.MapGrpcService<UpdatesAnswers>();
        server.MapGrpcService<OperationsAnswers>();
        server.MapGrpcService<MaintenanceAnswers>();
        server.MapGrpcService<DrillsAnswers>();
        server.MapGrpcService<CertificateAnswers>();
        server.MapGrpcService<AlertsAnswers>();
        server.MapGrpcService<IdentityAnswers>();
        await server.StartAsync();
    }

    /// <summary>Cuts every stream, as an agent that is restarted does.</summary>
    public async Task StopAsync()
    {
        if (server is null)
            return;
        await server.StopAsync();
        await server.DisposeAsync();
        server = null;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        folder.Delete(recursive: true);
    }

    /// <summary>Waits until a method was called so often.</summary>
    public async Task Called(string method, int times)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var seen = 0;
        while (seen < times)
        {
            if (await calls.Reader.ReadAsync(deadline.Token) == method)
                seen++;
        }
    }

    private void Take(string method, Google.Protobuf.IMessage request)
    {
        lock (Calls)
            Calls.Add($"{method} {Google.Protobuf.JsonFormatter.Default.Format(request)}");
        calls.Writer.TryWrite(method);
        if (Failure is { } failure)
            throw failure;
    }

    /// <summary>What is there, and what a test adds while somebody reads.</summary>
    internal sealed class Feed<T>
    {
        private readonly List<T> items = [];
        private readonly List<ChannelWriter<T>> readers = [];

        public void Add(params T[] more)
        {
            lock (items)
            {
                items.AddRange(more);
                foreach (var reader in readers)
                foreach (var item in more)
                    reader.TryWrite(item);
            }
        }

        public async Task SendAsync(
            Func<IReadOnlyList<T>, IEnumerable<T>> past,
            bool follow,
            IServerStreamWriter<T> to,
            ServerCallContext context
        )
        {
            var live = Channel.CreateUnbounded<T>();
            List<T> first;
            lock (items)
            {
                first = [.. past(items)];
                readers.Add(live.Writer);
            }
            await context.WriteResponseHeadersAsync([]);
            foreach (var item in first)
                await to.WriteAsync(item);
            if (!follow)
                return;
            await foreach (var item in live.Reader.ReadAllAsync(context.CancellationToken))
                await to.WriteAsync(item);
        }
    }

    private sealed class StatusAnswers(FakeAgent agent) : StatusService.StatusServiceBase
    {
        public override Task<Status> GetStatus(GetStatusRequest request, ServerCallContext context)
        {
            agent.Take("GetStatus", request);
            return Task.FromResult(agent.Status);
        }
    }

    private sealed class ServicesAnswers(FakeAgent agent) : ServicesService.ServicesServiceBase
    {
        public override Task<ListServicesResponse> ListServices(ListServicesRequest request, ServerCallContext context)
        {
            agent.Take("ListServices", request);
            return Task.FromResult(new ListServicesResponse { Services = { agent.Services.Select(s => s.Summary) } });
        }

        public override Task<ServiceDetail> GetService(GetServiceRequest request, ServerCallContext context)
        {
            agent.Take("GetService", request);
            return Named(request.Name);
        }

        public override Task<ServiceDetail> StartService(StartServiceRequest request, ServerCallContext context)
        {
            agent.Take("StartService", request);
            return Named(request.Name);
        }

        public override async Task<ServiceDetail> StopService(StopServiceRequest request, ServerCallContext context)
        {
            agent.Take("StopService", request);
            if (agent.Stuck)
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
            return await Named(request.Name);
        }

        public override Task<ServiceDetail> RestartService(RestartServiceRequest request, ServerCallContext context)
        {
            agent.Take("RestartService", request);
            return Named(request.Name);
        }

        public override Task StreamLogs(
            StreamLogsRequest request,
            IServerStreamWriter<LogLine> responseStream,
            ServerCallContext context
        )
        {
            agent.Take("StreamLogs", request);
            return agent.Logs.SendAsync(
                all =>
                    all.Where(l => request.Since is null || l.Time.CompareTo(request.Since) >= 0)
                        .GroupBy(l => l.Container)
                        .SelectMany(c => request.HasTail ? c.TakeLast(request.Tail) : c)
                        .OrderBy(l => l.Time.ToDateTimeOffset()),
                request.Follow,
                responseStream,
                context
            );
        }

        private Task<ServiceDetail> Named(string name) =>
            agent.Services.Find(s => s.Summary.Name == name) is { } found
                ? Task.FromResult(found)
                : throw new RpcException(new(StatusCode.NotFound, $"no service '{name}'; there are: web, db"));
    }

    private sealed class EventsAnswers(FakeAgent agent) : EventsService.EventsServiceBase
    {
        public override Task StreamEvents(
            StreamEventsRequest request,
            IServerStreamWriter<Event> responseStream,
            ServerCallContext context
        )
        {
            agent.Take("StreamEvents", request);
            return agent.Events.SendAsync(
                all =>
                {
                    var past = all.Where(e => e.Id > request.AfterId)
                        .Where(e => request.Service.Length == 0 || e.Service == request.Service);
                    return request.HasTail ? past.TakeLast(request.Tail) : past;
                },
                request.Follow,
                responseStream,
                context
            );
        }
    }

    private sealed class AuditAnswers(FakeAgent agent) : AuditService.AuditServiceBase
    {
        public override async Task ListAudit(
            ListAuditRequest request,
            IServerStreamWriter<AuditRecord> responseStream,
            ServerCallContext context
        )
        {
            agent.Take("ListAudit", request);
            foreach (var record in request.HasTail ? agent.Audit.TakeLast(request.Tail) : agent.Audit)
                await responseStream.WriteAsync(record);
        }

        public override Task<VerifyAuditResponse> VerifyAudit(VerifyAuditRequest request, ServerCallContext context)
        {
            agent.Take("VerifyAudit", request);
            return Task.FromResult(agent.AuditVerdict);
        }
    }
}
