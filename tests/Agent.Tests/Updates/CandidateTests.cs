using Appliance.Agent.Updates;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Updates;

/// <summary>How long a service may take until all of it is as the release has it.</summary>
public sealed class CandidateTests
{
    private static readonly TimeSpan Start = TimeSpan.FromMinutes(5);
    private static readonly UpdatePolicy TwoAtATime = UpdatePolicy.Default with { Parallelism = 2 };

    private static readonly ComposeService Web = new()
    {
        Name = "web",
        Image = ImageReference.TryParse("demo/web:1")!,
        StopGracePeriod = TimeSpan.FromMinutes(10),
        Deploy = Deploy.Default with { Replicas = 4, Rollback = TwoAtATime },
    };

    [Fact]
    public void What_takes_its_time_to_end_is_waited_for_in_each_turn()
    {
        // Ten minutes for requests that are under way, ten to end itself.
        var one = Web with
        {
            Deploy = Deploy.Default,
        };
        Assert.Equal(Start, Within(one, predecessor: null));
        Assert.Equal(Start + TimeSpan.FromSeconds(1210), Within(one, Web));
        // Four turns, and five seconds between them.
        Assert.Equal((4 * (Start + TimeSpan.FromSeconds(1210))) + TimeSpan.FromSeconds(15), Within(Web, Web));
    }

    [Fact]
    public void On_the_way_back_its_own_policy_says_how_many_turns_it_takes()
    {
        Assert.Equal(4, Candidate.Of(Web, "", Web, isReturn: false).Turns.Count);
        Assert.Equal(2, Candidate.Of(Web, "", Web, isReturn: true).Turns.Count);
        var silent = Web with { Deploy = Web.Deploy with { Rollback = UpdatePolicy.Default } };
        Assert.Equal(4, Candidate.Of(silent, "", Web, isReturn: true).Turns.Count);
    }

    private static TimeSpan Within(ComposeService service, ComposeService? predecessor) =>
        Candidate.Of(service, "", predecessor, isReturn: false).Within(Start);
}
