using Appliance.Agent.Tests.Updates;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Running;

/// <summary>An agent whose disk is getting full, and then has room again.</summary>
public sealed class DiskTests(SharedEngine shared)
{
    private const string Settings = """
        supervision:
          log-cap: 6
        healing:
          least-free-space: 1
        disk:
          low-watermark: 60
          low-free: 1000
          high-watermark: 90
          high-free: 1000
          reserve: 8
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_nothing_needs_is_given_back_at_the_first_watermark_and_the_reserve_at_the_second()
    {
        await using var agent = On();
        using var disk = new SmallDisk(agent.Data, 64 * 1024);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.EventAsync("disk.reserve-made");
        var orphan = Path.Combine(agent.Data, "content/blobs/sha256", new string('a', 64));
        await File.WriteAllTextAsync(orphan, "of a release that was forgotten", Ct);

        disk.Fill(leaving: 16 << 20);
        Wake(agent);
        await agent.EventAsync("disk.low");
        await Eventually.TrueAsync("what nothing needs is gone", () => !File.Exists(orphan), Ct);
        var low = await StatusAsync(agent);
        Assert.Equal(V1.Health.Degraded, low.Health);
        Assert.Contains(low.Problems, p => p.StartsWith($"The disk of {agent.Data} is", StringComparison.Ordinal));
        Assert.Equal(DiskLevel.Low, low.Disks.Single(d => d.Folder == agent.Data).Level);
        Assert.Equal(["present 1.0.0"], low.Content.Kept.Select(k => $"{k.Why} {k.Version}"));
        Assert.Equal(8 << 20, low.Content.Reserve);

        disk.Fill(leaving: 1 << 20);
        Wake(agent);
        await agent.EventAsync("disk.high");
        await agent.EventAsync("disk.reserve-given-back");
        Assert.Equal(0, (await StatusAsync(agent)).Content.Reserve);
        var last = await agent.LastEventAsync();

        disk.Free();
        Wake(agent);
        await agent.EventAsync("disk.recovered", last);
        await agent.EventAsync("disk.reserve-made", last);
        await Eventually.TrueAsync("all is well", async _ => (await StatusAsync(agent)).Health is V1.Health.Ok, Ct);
    }

    [Fact]
    public async Task An_agent_that_starts_on_a_full_disk_keeps_its_state_with_the_reserve()
    {
        await using var agent = On();
        using var disk = new SmallDisk(agent.Data, 64 * 1024);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.EventAsync("disk.reserve-made");
        await agent.KillAsync();
        disk.Fill();

        agent.ExpectsErrors = true;
        await agent.StartAsync();

        await agent.EventAsync("disk.reserve-given-back");
        Assert.DoesNotContain(
            (await StatusAsync(agent)).Problems,
            p => p.Contains("in memory", StringComparison.Ordinal)
        );
        await agent.RunsWholeAsync("1.0.0");
    }

    [Fact]
    public async Task Output_is_capped_whatever_the_release_says_and_no_container_is_made_anew_for_it()
    {
        await using var agent = On();
        await agent.InstallAsync(
            """
            services:
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                logging: {driver: json-file, options: {max-size: 1g, max-file: "2"}}
              quiet:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
            """
        );
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("quiet", ServiceState.Running);
        var before = await agent.ContainerAsync("web");
        Assert.Equal(("3145728", "2"), OptionsOf(before));
        Assert.Equal(("2097152", "3"), OptionsOf(await agent.ContainerAsync("quiet")));

        await agent.StopAsync();
        agent.Environment["APPLIANCE__SUPERVISION__LOG_CAP"] = "50";
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);

        Assert.Equal(before.Id, (await agent.ContainerAsync("web")).Id);
    }

    private RealAgent On()
    {
        var agent = RealAgent.On(shared.Engine);
        File.WriteAllText(agent.Settings, Settings);
        foreach (var key in agent.Environment.Keys.ToList())
            agent.Environment.Remove(key);
        return agent;
    }

    private static (string Size, string Files) OptionsOf(ContainerInspection container)
    {
        var options = container.HostConfig.LogConfig!.Config!;
        return (options["max-size"], options["max-file"]);
    }

    /// <summary>The disks are looked at when the table of mounts changes; else once a minute.</summary>
    private static void Wake(RealAgent agent)
    {
        using var other = new SmallDisk(Path.Combine(Path.GetDirectoryName(agent.Data)!, "other"), 64);
    }

    private static async Task<Status> StatusAsync(RealAgent agent) =>
        await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct);
}
