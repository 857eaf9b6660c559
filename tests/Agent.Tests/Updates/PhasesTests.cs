using Appliance.Agent.Storage;

namespace Appliance.Agent.Tests.Updates;

public sealed class PhasesTests
{
    [Theory]
    [InlineData(nameof(Phase.Verified), nameof(Phase.Preflighted), true)]
    [InlineData(nameof(Phase.Loading), nameof(Phase.Loading), true)]
    [InlineData(nameof(Phase.Loaded), nameof(Phase.Observing), true)]
    [InlineData(nameof(Phase.Observing), nameof(Phase.Committed), true)]
    [InlineData(nameof(Phase.Observing), nameof(Phase.RollingBack), true)]
    [InlineData(nameof(Phase.RollingBack), nameof(Phase.RollingBack), true)]
    [InlineData(nameof(Phase.RollingBack), nameof(Phase.RolledBack), true)]
    [InlineData(nameof(Phase.Loading), nameof(Phase.Preflighted), false)]
    [InlineData(nameof(Phase.Committed), nameof(Phase.RollingBack), false)]
    [InlineData(nameof(Phase.Switching), nameof(Phase.RolledBack), false)]
    [InlineData(nameof(Phase.RollingBack), nameof(Phase.Committed), false)]
    [InlineData(nameof(Phase.RolledBack), nameof(Phase.Switching), false)]
    public void An_operation_goes_forward_or_back_before_it_has_committed(string from, string to, bool allowed) =>
        Assert.Equal(allowed, Phases.Allow(Enum.Parse<Phase>(from), Enum.Parse<Phase>(to)));
}
