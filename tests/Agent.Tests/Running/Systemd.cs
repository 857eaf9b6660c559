using System.Collections.Concurrent;
using System.Net.Sockets;
using Appliance.Agent.Tests.Host;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Running;

/// <summary>
/// As much of systemd as an agent sees of it: the socket that it notifies, and a <c>systemctl</c> that comes first in its
/// PATH.
/// </summary>
internal sealed class Systemd : IDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly NotifySocket socket = new(isAbstract: false);
    private readonly ConcurrentQueue<string> told = new();

    /// <param name="systemctl">What it does, as a shell script.</param>
    public Systemd(string systemctl)
    {
        var stub = folder["systemctl"];
        File.WriteAllText(stub, $"#!/bin/sh\necho \"$*\" >{Asked}\n{systemctl}\n");
        File.SetUnixFileMode(stub, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _ = ListenAsync();
    }

    /// <summary>What the agent said.</summary>
    public IEnumerable<string> Told => told;

    /// <summary>Whether it was asked, and what.</summary>
    public string Asked => folder["asked"];

    public string this[string file] => folder[file];

    public void Start(RealAgent agent)
    {
        agent.Environment["NOTIFY_SOCKET"] = socket.Address;
        agent.Environment["PATH"] = $"{folder[""]}:{Environment.GetEnvironmentVariable("PATH")}";
    }

    public void Dispose()
    {
        socket.Dispose();
        folder.Dispose();
    }

    private async Task ListenAsync()
    {
        try
        {
            while (true)
                told.Enqueue(await socket.ReceiveAsync());
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException) { }
    }
}
