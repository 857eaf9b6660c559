using Appliance.Agent.Host;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Host;

public sealed class MachineBootTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public void A_clock_that_is_put_forward_does_not_make_the_boot_later()
    {
        var clock = new ManualClock();
        var boot = new MachineBoot(clock);
        var first = boot.At;

        clock.Advance(Hour);

        Assert.True(boot.At <= first);
    }

    [Fact]
    public void A_clock_that_is_put_back_takes_the_boot_with_it_and_forward_again_does_not()
    {
        var clock = new ManualClock();
        var boot = new MachineBoot(clock);
        var first = boot.At;

        clock.Advance(-Hour);
        Assert.True(boot.At <= first - Hour);
        clock.Advance(Hour);
        Assert.True(boot.At <= first - Hour);
    }
}
