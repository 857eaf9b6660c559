using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;

namespace Appliance.Agent.Tests.Updates;

/// <summary>Whose last words are kept with an update that is taken back.</summary>
public sealed class EvidenceTests
{
    [Fact]
    public void While_one_is_tried_it_is_the_one_that_failed() =>
        Assert.Equal(["web-3"], Whose(Container("web-1"), Container("web-2"), Container("web-3", isCanary: true)));

    [Fact]
    public void A_predecessor_has_nothing_to_say() =>
        Assert.Equal(["web-1"], Whose(Container("web-1"), Container("web-1-old") with { IsCurrent = false }));

    private static IEnumerable<string> Whose(params ContainerView[] containers) =>
        Evidence.WhoseOf(containers).Select(c => c.Name);

    private static ContainerView Container(string name, bool isCanary = false) =>
        new(name, name, 1, "running", "", null, null, null, 0, false, null, 0, "sha256:image", [])
        {
            IsCurrent = !isCanary,
            IsCanary = isCanary,
        };
}
