using Appliance.Testing;
using Appliance.Tests.Machines;

namespace Appliance.Tests;

public sealed class BootTests(ApplianceImage image) : IClassFixture<ApplianceImage>
{
    [Fact(Timeout = 30 * 60_000)]
    public async Task The_image_boots_serves_is_upgraded_from_a_stick_with_its_agent_and_keeps_release_and_data_over_a_reboot()
    {
        var ct = TestContext.Current.CancellationToken;
        using var folder = new ScratchFolder();
        var seed = await Appliance.BundleWithAgentAsync(folder, ct);
        await using var machine = await Machine.StartAsync(
            image.Overlay(),
            new()
            {
                Forward = [80],
                Seed = seed,
                Watchdog = true,
            },
            ct
        );

        // What is built in serves, with no hand on it and no network but the way in.
        var first = await machine.WaitForPageAsync(ct);
        Assert.Equal("1.0.0", first.Version);
        await machine.Console.LoginAsync(ct);
        Assert.Equal("1.0.0", Appliance.ReleaseOf(await machine.WaitUntilWellAsync(ct)));
        Assert.Equal("running", (await machine.DoAsync("systemctl is-system-running --wait", ct)).Trim());
        // The data partition has taken up the disk.
        var size = long.Parse((await machine.DoAsync("findmnt --noheadings --bytes --output SIZE /data", ct)).Trim());
        Assert.InRange(size, 5L << 30, 8L << 30);

        await machine.DoAsync($"mkdir -p /run/seed && mount -o ro {Disks.SeedDisk.Device} /run/seed", ct);
        Assert.Equal("system", await machine.AgentAsync(ct));
        // It follows the operation while the agent that it talks to ends, and another takes over.
        await machine.DoAsync("appliancectl upgrade --bundle /run/seed/next.bundle --yes", ct, Appliance.Patience);
        var agent = await machine.AgentAsync(ct);
        Assert.Matches("^[0-9a-f]{64}$", agent);
        var upgraded = await machine.WaitForPageAsync(ct);
        Assert.Equal("2.1.0", upgraded.Version);
        Assert.True(upgraded.Visits > first.Visits, $"{upgraded.Visits} visits after {first.Visits}");

        await machine.RebootAsync(ct);
        var rebooted = await machine.WaitForPageAsync(ct);
        Assert.Equal("2.1.0", rebooted.Version);
        Assert.True(rebooted.Visits > upgraded.Visits, $"{rebooted.Visits} visits after {upgraded.Visits}");
        await machine.Console.LoginAsync(ct);
        Assert.Equal("2.1.0", Appliance.ReleaseOf(await machine.WaitUntilWellAsync(ct)));
        Assert.Equal("running", (await machine.DoAsync("systemctl is-system-running --wait", ct)).Trim());
        Assert.Equal(agent, await machine.AgentAsync(ct));
        Assert.False(await machine.EngineWentThroughItsBooksAsync(ct));

        await machine.ShutDownAsync(ct);
    }
}
