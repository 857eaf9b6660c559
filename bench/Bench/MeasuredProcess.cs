using System.Diagnostics;
using System.Net.Sockets;

namespace Appliance.Bench;

/// <summary>A server that was started here and is measured from outside. Disposal kills it.</summary>
internal class MeasuredProcess : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    private readonly string log;
    private readonly long started;

    protected MeasuredProcess(
        string program,
        IEnumerable<string> arguments,
        string log,
        params IEnumerable<(string Name, string Value)> variables
    )
    {
        this.log = log;
        // Its output goes to a file without this process in between; exec keeps the pid. The collector's setting is the
        // systemd unit's, for the floors too.
        string[] shell = ["-c", $"DOTNET_GCgen0size=0x200000 exec \"$@\" >>'{log}' 2>&1", "sh", program, .. arguments];
        var start = new ProcessStartInfo("/bin/sh", shell);
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        started = Stopwatch.GetTimestamp();
        Process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
    }

    public Process Process { get; }

    /// <summary>Tries until an attempt succeeds, and returns how long after the start of the process that was.</summary>
    public async Task<TimeSpan> UntilAsync(
        Func<CancellationToken, Task<bool>> attempt,
        TimeSpan limit,
        CancellationToken ct
    )
    {
        while (!await attempt(ct))
        {
            if (Process.HasExited || Stopwatch.GetElapsedTime(started) > limit)
                throw new InvalidOperationException($"{Process.Id} does not answer; its output is in {log}");
            await Task.Delay(Pause, TimeProvider.System, ct);
        }
        return Stopwatch.GetElapsedTime(started);
    }

    public virtual async ValueTask DisposeAsync()
    {
        Process.Kill();
        await Process.WaitForExitAsync();
        Process.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>An HTTP handler whose every connection goes to this socket.</summary>
    protected static SocketsHttpHandler Over(string socketPath) =>
        new()
        {
            UseProxy = false,
            ConnectCallback = async (_, ct) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), ct);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
}
