using System.Diagnostics;
using System.Net.Sockets;

namespace Appliance.Agent.Host;

/// <summary>Tells systemd how the agent is: sd_notify(3) as datagrams to <c>$NOTIFY_SOCKET</c>; nothing without it.</summary>
internal sealed class SystemdNotifier(SystemdEnvironment environment, ILogger<SystemdNotifier> log)
{
    // systemd's own buffer is large; waiting longer would mean that it hangs, and it must not take the agent along.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public void Ready() => Send("READY=1");

    public void Stopping() => Send("STOPPING=1");

    /// <summary>The line that <c>systemctl status</c> shows.</summary>
    public void Status(string sentence) => Send($"STATUS={sentence.ReplaceLineEndings(" ")}");

    /// <summary>To be followed by <see cref="Ready"/>. The time lets systemd tell this reload from an earlier one.</summary>
    public void Reloading() =>
        Send($"RELOADING=1\nMONOTONIC_USEC={Stopwatch.GetElapsedTime(0).Ticks / TimeSpan.TicksPerMicrosecond}");

    /// <summary>Asks for more time than the unit's limit: this long from now, until asked again.</summary>
    public void ExtendTimeout(TimeSpan by) => Send($"EXTEND_TIMEOUT_USEC={(long)by.TotalMicroseconds}");

    public void WatchdogAlive() => Send("WATCHDOG=1");

    private void Send(string message)
    {
        if (environment.NotifySocket is not { Length: > 0 } address)
            return;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTimeout = (int)Patience.TotalMilliseconds;
            // A name that starts with @ is in the abstract namespace, which the kernel writes with a NUL.
            var path = address.StartsWith('@') ? $"\0{address[1..]}" : address;
            socket.SendTo(System.Text.Encoding.UTF8.GetBytes(message), new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e)
        {
            log.SystemdNotReached(address, message, e.Message);
        }
    }
}
