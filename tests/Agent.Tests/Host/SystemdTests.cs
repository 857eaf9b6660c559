using System.Net.Sockets;
using System.Text;
using Appliance.Agent.Host;
using Appliance.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Agent.Tests.Host;

public sealed class SystemdTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_message_reaches_a_real_socket(bool isAbstract)
    {
        using var listener = new NotifySocket(isAbstract);
        var systemd = new SystemdNotifier(new(listener.Address, null), NullLogger<SystemdNotifier>.Instance);
        systemd.Ready();
        Assert.Equal("READY=1", await listener.ReceiveAsync());
        systemd.Status("20 services\nrun");
        Assert.Equal("STATUS=20 services run", await listener.ReceiveAsync());
        systemd.Reloading();
        Assert.Matches(@"^RELOADING=1\nMONOTONIC_USEC=\d+$", await listener.ReceiveAsync());
        systemd.WatchdogAlive();
        Assert.Equal("WATCHDOG=1", await listener.ReceiveAsync());
        systemd.Stopping();
        Assert.Equal("STOPPING=1", await listener.ReceiveAsync());
        systemd.ExtendTimeout(TimeSpan.FromSeconds(20));
        Assert.Equal("EXTEND_TIMEOUT_USEC=20000000", await listener.ReceiveAsync());
    }

    [Fact]
    public void Without_systemd_or_with_one_that_is_gone_nothing_happens()
    {
        new SystemdNotifier(new(null, null), NullLogger<SystemdNotifier>.Instance).Ready();
        new SystemdNotifier(new("/nowhere/notify", null), NullLogger<SystemdNotifier>.Instance).Ready();
    }

    [Fact]
    public async Task The_time_of_a_reload_is_the_kernels_monotonic_clock()
    {
        using var listener = new NotifySocket(isAbstract: true);
        var systemd = new SystemdNotifier(new(listener.Address, null), NullLogger<SystemdNotifier>.Instance);
        systemd.Reloading();
        var message = await listener.ReceiveAsync();
        var told = long.Parse(message.Split('=')[^1], System.Globalization.CultureInfo.InvariantCulture);
        // Seconds since boot, which leave out the time asleep, as the monotonic clock does.
        var uptime = double.Parse(
            (await File.ReadAllTextAsync("/proc/uptime", TestContext.Current.CancellationToken)).Split(' ')[0],
            System.Globalization.CultureInfo.InvariantCulture
        );
        Assert.InRange(told / 1e6, 1, uptime + 5);
    }

    [Theory]
    [InlineData("30000000", null, 30)]
    [InlineData("30000000", "77", 30)]
    [InlineData("30000000", "78", null)]
    [InlineData("0", null, null)]
    [InlineData("x", null, null)]
    [InlineData(null, null, null)]
    public void The_watchdog_counts_when_it_is_set_for_this_process(string? period, string? pid, int? seconds)
    {
        var variables = new Dictionary<string, string?> { ["WATCHDOG_USEC"] = period, ["WATCHDOG_PID"] = pid };
        var environment = SystemdEnvironment.Of(variables.GetValueOrDefault, pid: 77);
        Assert.Equal(seconds, (int?)environment.Watchdog?.TotalSeconds);
    }

    [Fact]
    public void An_agent_that_is_not_heard_of_in_time_counts_as_stuck()
    {
        var clock = new ManualClock();
        var liveness = new Liveness(clock);
        clock.Advance(Liveness.Usual);
        Assert.True(liveness.Alive);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(liveness.Alive);
        liveness.Beat(TimeSpan.FromHours(1));
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.True(liveness.Alive);
    }
}

/// <summary>What systemd listens on.</summary>
internal sealed class NotifySocket : IDisposable
{
    private readonly Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly string? file;

    public NotifySocket(bool isAbstract)
    {
        var name = $"agent-notify-{Guid.NewGuid():n}";
        file = isAbstract ? null : Path.Combine(Path.GetTempPath(), name);
        Address = file ?? $"@{name}";
        socket.Bind(new UnixDomainSocketEndPoint(file ?? $"\0{name}"));
    }

    public string Address { get; }

    public async Task<string> ReceiveAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, deadline.Token));
    }

    public void Dispose()
    {
        socket.Dispose();
        if (file is not null)
            File.Delete(file);
    }
}
