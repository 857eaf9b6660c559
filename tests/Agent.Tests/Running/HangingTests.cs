using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Running;

/// <summary>An endpoint that hangs is the worst of failures: all looks well, and nobody is answered.</summary>
public sealed class HangingTests(SharedEngine shared)
{
    private const int SigStop = 19;

    [Fact]
    public async Task A_process_that_accepts_and_never_answers_is_restarted_within_its_threshold_and_a_second()
    {
        var (interval, timeout, threshold) = (TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(500), 3);
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                command: ["sh", "-c", "mkdir -p /www; echo ok > /www/index.html; exec httpd -f -p 8080 -h /www"]
                x-appliance:
                  probes: [{http: {port: 8080}, interval: 2s, timeout: 500ms, unhealthy-after: 3}]
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        var container = await agent.ContainerAsync("web");
        // The kernel goes on accepting for a process that is stopped; the engine knows nothing of it.
        Posix.Kill(container.State.Pid, SigStop);

        var failed = await agent.BecomesAsync("web", "doubtful", d => d.Probes.Any(p => p.ConsecutiveFailures > 0));
        var probe = Assert.Single(failed.Probes);
        var first = probe.LastCheckedAt.ToDateTimeOffset() - timeout - ((probe.ConsecutiveFailures - 1) * interval);
        // Told in the pass that begins the restart; how long the engine then takes for it is the machine's.
        var unhealthy = await agent.EventAsync("service.unhealthy");
        var restarted = await agent.EventAsync("container.restarted", unhealthy.Id);
        var took = unhealthy.Time.ToDateTimeOffset() - first;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{took.TotalMilliseconds:0} ms after the first probe that hung had begun its restart began,"
                + $" and it ran {(restarted.Time - unhealthy.Time).ToTimeSpan().TotalMilliseconds:0} ms later"
        );
        Assert.InRange(took, TimeSpan.Zero, (interval * threshold) + TimeSpan.FromSeconds(1));
        Assert.Contains("no answer within 0.5 s", restarted.Found);
        var view = await agent.BecomesAsync("web", ServiceState.Running);
        Assert.Equal(1, view.Summary.Restarts);
    }
}
