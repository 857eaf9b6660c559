using System.Threading.Channels;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.HealthCheck;

/// <summary>
/// The standard health service (grpc.health.v1): the application sets states, clients check or watch them. Safe for
/// concurrent use; register it as a singleton.
/// </summary>
/// <remarks>
/// Clients name what they like, and watch as long as they like: names of more than 256 characters are refused with
/// INVALID_ARGUMENT, watchers beyond 1024 at a time with RESOURCE_EXHAUSTED.
/// </remarks>
public class HealthServiceImpl : Health.V1.Health.HealthBase
{
    private const int MaxName = 256;
    private const int MaxWatchers = 1024;

    private readonly Lock gate = new();
    private readonly Dictionary<string, ServingStatus> states = [];
    private readonly Dictionary<string, List<Channel<ServingStatus>>> watchers = [];
    private int watching;

    /// <summary>Sets the state of a service; the empty name is the server as a whole.</summary>
    public void SetStatus(string service, ServingStatus status)
    {
        ArgumentNullException.ThrowIfNull(service);
        lock (gate)
        {
            var before = StateOf(service);
            states[service] = status;
            if (status != before)
                Tell(service, status);
        }
    }

    /// <summary>Forgets a service: it is unknown afterwards.</summary>
    public void ClearStatus(string service)
    {
        ArgumentNullException.ThrowIfNull(service);
        lock (gate)
        {
            if (states.Remove(service))
                Tell(service, ServingStatus.ServiceUnknown);
        }
    }

    /// <summary>Forgets all services.</summary>
    public void ClearAll()
    {
        lock (gate)
        {
            foreach (var service in states.Keys)
                Tell(service, ServingStatus.ServiceUnknown);
            states.Clear();
        }
    }

    /// <inheritdoc/>
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        CheckName(request.Service);
        lock (gate)
        {
            return states.TryGetValue(request.Service, out var status)
                ? Task.FromResult(new HealthCheckResponse { Status = status })
                : throw new RpcException(new Status(StatusCode.NotFound, $"Nothing is known of '{request.Service}'."));
        }
    }

    /// <summary>Sends the present state and every change, until the client leaves or the application stops.</summary>
    public override async Task Watch(
        HealthCheckRequest request,
        IServerStreamWriter<HealthCheckResponse> responseStream,
        ServerCallContext context
    )
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(responseStream);
        ArgumentNullException.ThrowIfNull(context);
        CheckName(request.Service);

        // A watcher that lags needs only the latest state.
        var changes = Channel.CreateBounded<ServingStatus>(
            new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest }
        );
        lock (gate)
        {
            if (watching == MaxWatchers)
                throw new RpcException(new Status(StatusCode.ResourceExhausted, "There are too many watchers."));
            watching++;
            if (!watchers.TryGetValue(request.Service, out var others))
                watchers[request.Service] = others = [];
            others.Add(changes);
            changes.Writer.TryWrite(StateOf(request.Service));
        }

        // Without this, a shutdown would wait for its watchers.
        using var stopping = Stopping(context)
            .UnsafeRegister(static end => ((ChannelWriter<ServingStatus>)end!).TryComplete(), changes.Writer);
        try
        {
            await foreach (var status in changes.Reader.ReadAllAsync(context.CancellationToken))
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status });
        }
        finally
        {
            lock (gate)
            {
                watching--;
                watchers[request.Service].Remove(changes);
                if (watchers[request.Service].Count == 0)
                    watchers.Remove(request.Service);
            }
        }
    }

    private static void CheckName(string service)
    {
        if (service.Length > MaxName)
            throw new RpcException(
                new Status(StatusCode.InvalidArgument, $"A service's name has at most {MaxName} characters.")
            );
    }

    private static CancellationToken Stopping(ServerCallContext context) =>
        context
            .UserState.Values.OfType<HttpContext>()
            .FirstOrDefault()
            ?.RequestServices?.GetService<IHostApplicationLifetime>()
            ?.ApplicationStopping
        ?? CancellationToken.None;

    private ServingStatus StateOf(string service) =>
        states.TryGetValue(service, out var status) ? status : ServingStatus.ServiceUnknown;

    private void Tell(string service, ServingStatus status)
    {
        if (!watchers.TryGetValue(service, out var told))
            return;
        foreach (var watcher in told)
            watcher.Writer.TryWrite(status);
    }
}
