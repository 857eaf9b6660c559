using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Appliance.Agent.Control;

/// <summary>
/// Reads who is at the other end, once for each connection, before any byte of it. Only the host's own root has as many
/// connections as the server takes: all others together leave enough of them that root is never kept out, and those
/// without a role leave enough for those who have one.
/// </summary>
internal sealed class PeerConnections(Callers callers, ILogger<PeerConnections> log)
{
    /// <summary>What the server takes in all, root's included.</summary>
    public const int Server = 1024;

    /// <summary>Of all users but root.</summary>
    public const int AllUsers = 512;

    /// <summary>Of one user with a role.</summary>
    public const int PerUser = 32;

    /// <summary>Of all users without a role.</summary>
    public const int AllStrangers = 128;

    /// <summary>Of one user without a role; enough for monitors, which ask only for the appliance's health.</summary>
    public const int PerStranger = 4;

    // Whoever runs a container chooses the uids in it: all of them count as one user.
    private static readonly Owner Foreign = new(Uid: 0, IsForeign: true);

    private readonly Lock gate = new();
    private readonly Dictionary<Owner, int> open = [];
    private int users;
    private int strangers;

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
        connection.Features.Set(peer);
        if (peer is { Uid: 0, IsForeign: false })
            await next(connection);
        else
            await RunLimitedAsync(peer, connection, next);
    }

    private async Task RunLimitedAsync(Peer peer, ConnectionContext connection, ConnectionDelegate next)
    {
        var owner = peer.IsForeign ? Foreign : new Owner(peer.Uid, IsForeign: false);
        var isStranger = callers.RoleOf(peer) == Role.None;
        if (!TryOpen(owner, isStranger))
        {
            log.TooManyConnections(peer.Uid);
            return;
        }
        try
        {
            await next(connection);
        }
        finally
        {
            Close(owner, isStranger);
        }
    }

    private bool TryOpen(Owner owner, bool isStranger)
    {
        lock (gate)
        {
            var own = open.GetValueOrDefault(owner);
            if (users >= AllUsers || own >= (isStranger ? PerStranger : PerUser))
                return false;
            if (isStranger && strangers >= AllStrangers)
                return false;
            open[owner] = own + 1;
            users++;
            strangers += isStranger ? 1 : 0;
            return true;
        }
    }

    private void Close(Owner owner, bool isStranger)
    {
        lock (gate)
        {
            users--;
            strangers -= isStranger ? 1 : 0;
            if (--open[owner] == 0)
                open.Remove(owner);
        }
    }

    private readonly record struct Owner(uint Uid, bool IsForeign);
}
