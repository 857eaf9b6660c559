using Appliance.Bundles.Compose;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;

namespace Appliance.Agent.Health;

/// <summary>Asks <c>grpc.health.v1.Health/Check</c> (the gRPC Health Checking Protocol); serving is healthy.</summary>
internal sealed class GrpcCheck(GrpcProbe probe, string address, TimeProvider clock) : IProbe
{
    public string Kind => "grpc";

    public string Target =>
        $"grpc{(probe.Tls ? "s" : "")} {address}:{probe.Port}{(probe.Service is { } s ? $" {s}" : "")}";

    public async Task<ProbeResult> CheckAsync(CancellationToken ct)
    {
        var timeout = probe.Timing.Timeout;
        using var deadline = new CancellationTokenSource(timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        // No connection is kept between checks: one that is new is a part of what is asked.
        using var channel = GrpcChannel.ForAddress(
            $"{(probe.Tls ? "https" : "http")}://{address}:{probe.Port}",
            new GrpcChannelOptions
            {
                HttpHandler = HttpCheck.CreateHandler(onCertificate: null),
                DisposeHttpClient = true,
            }
        );
        try
        {
            var answer = await new Grpc.Health.V1.Health.HealthClient(channel).CheckAsync(
                new HealthCheckRequest { Service = probe.Service ?? "" },
                cancellationToken: either.Token
            );
            return answer.Status is HealthCheckResponse.Types.ServingStatus.Serving
                ? ProbeResult.Ok("serving")
                : ProbeResult.Failed(Words(answer.Status));
        }
        catch (RpcException e) when (e.StatusCode is not StatusCode.Cancelled)
        {
            return ProbeResult.Failed(
                e.StatusCode switch
                {
                    StatusCode.NotFound => $"the server does not know the service \"{probe.Service}\"",
                    StatusCode.Unimplemented => "the server has no grpc.health.v1.Health",
                    _ => $"{e.StatusCode}: {e.Status.Detail}",
                }
            );
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return ProbeResult.Late($"no answer within {timeout.TotalSeconds:0.###} s");
        }
        catch (RpcException) when (ct.IsCancellationRequested)
        {
            throw new OperationCanceledException(ct);
        }
    }

    private static string Words(HealthCheckResponse.Types.ServingStatus status) =>
        status switch
        {
            HealthCheckResponse.Types.ServingStatus.NotServing => "not serving",
            HealthCheckResponse.Types.ServingStatus.ServiceUnknown => "the server does not know the service",
            _ => "the server says nothing of its state",
        };
}
