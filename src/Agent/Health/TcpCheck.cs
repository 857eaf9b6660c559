using System.Net.Sockets;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Health;

/// <summary>Asks whether a TCP connection is accepted.</summary>
internal sealed class TcpCheck(TcpProbe probe, string address, TimeProvider clock) : IProbe
{
    public string Kind => "tcp";

    public string Target => $"tcp {address}:{probe.Port}";

    public async Task<ProbeResult> CheckAsync(CancellationToken ct)
    {
        var timeout = probe.Timing.Timeout;
        using var deadline = new CancellationTokenSource(timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(address, probe.Port, either.Token);
            return ProbeResult.Ok("connected");
        }
        catch (SocketException e)
        {
            return ProbeResult.Failed(e.Message);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return ProbeResult.Late($"no connection within {timeout.TotalSeconds:0.###} s");
        }
    }
}
