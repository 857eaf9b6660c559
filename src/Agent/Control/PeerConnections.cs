using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Appliance.Agent.Control;

/// <summary>
/// Reads who is at the other end, once for each connection, before any byte of it. Users other than root have only so
/// many connections, so that none of them keeps the administrator out.
/// </summary>
internal sealed class PeerConnections(ILogger<PeerConnections> log)
{
    public const int PerUser = 32;

    private readonly ConcurrentDictionary<uint, int> open = new();

    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        Peer peer;
        try
        {
            peer = Peer.Of(connection.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket);
        }
        catch (SocketException e)
        {
            log.PeerUnknown(e.Message);
            return;
        }
        try
        {
            if (open.AddOrUpdate(peer.Uid, 1, (_, n) => n + 1) > PerUser && peer.Uid != 0)
            {
                log.TooManyConnections(peer.Uid, PerUser);
                return;
            }
            connection.Features.Set(peer);
            await next(connection);
        }
        finally
        {
            Closed(peer.Uid);
        }
    }

    private void Closed(uint uid)
    {
        if (open.AddOrUpdate(uid, 0, (_, n) => n - 1) == 0)
            open.TryRemove(KeyValuePair.Create(uid, 0));
    }
}
