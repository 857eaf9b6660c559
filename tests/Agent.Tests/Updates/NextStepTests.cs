using Appliance.Agent.Storage;
using Appliance.Agent.Updates;

namespace Appliance.Agent.Tests.Updates;

public sealed class NextStepTests
{
    private static readonly Seen All = new()
    {
        HasAgent = true,
        HasData = true,
        IsSwitched = true,
        IsProven = true,
    };

    private static readonly Seen Ill = All with { Unfit = new Unfit("web", "was not healthy") };

    /// <summary>Every start of the agent begins like this.</summary>
    [Theory]
    [InlineData(nameof(Phase.Verified), nameof(UpdateStep.Prepare))]
    [InlineData(nameof(Phase.Preflighted), nameof(UpdateStep.Prepare))]
    [InlineData(nameof(Phase.Loading), nameof(UpdateStep.Prepare))]
    [InlineData(nameof(Phase.Loaded), nameof(UpdateStep.TakeOver))]
    [InlineData(nameof(Phase.Snapshotting), nameof(UpdateStep.KeepData))]
    [InlineData(nameof(Phase.Snapshotted), nameof(UpdateStep.Switch))]
    [InlineData(nameof(Phase.Switching), nameof(UpdateStep.Switch))]
    [InlineData(nameof(Phase.Observing), nameof(UpdateStep.Switch))]
    [InlineData(nameof(Phase.Committed), nameof(UpdateStep.Finish))]
    [InlineData(nameof(Phase.RollingBack), nameof(UpdateStep.GoBack))]
    public void A_start_of_the_agent_goes_on_where_the_journal_ends(string phase, string next) =>
        Assert.Equal(Enum.Parse<UpdateStep>(next), NextStep.Of(In(Enum.Parse<Phase>(phase)), default));

    [Fact]
    public void One_that_nothing_disturbs_takes_each_step_once_and_in_order()
    {
        var operation = In(Phase.Verified);
        var seen = default(Seen);
        var taken = new List<UpdateStep>();
        while (taken.Count < 20 && (taken is not [.., var last] || last is not UpdateStep.Finish))
        {
            var step = NextStep.Of(operation, seen);
            taken.Add(step);
            (operation, seen) = After(operation, seen, step);
        }
        Assert.Equal(
            [
                UpdateStep.Prepare,
                UpdateStep.TakeOver,
                UpdateStep.KeepData,
                UpdateStep.Switch,
                UpdateStep.Observe,
                UpdateStep.Commit,
                UpdateStep.Finish,
            ],
            taken
        );
    }

    [Fact]
    public void Whatever_was_seen_it_goes_forward_only_in_moves_that_the_journal_allows()
    {
        foreach (var (operation, seen) in Everything())
        {
            var step = NextStep.Of(operation, seen);
            var reached = After(operation, seen, step).Operation.Phase;
            Assert.True(Phases.Allow(operation.Phase, reached), $"{operation.Phase}, {seen}: {step} to {reached}");
        }
    }

    [Fact]
    public void What_was_touched_is_never_left_and_what_was_not_is_never_taken_back_for_somebody()
    {
        foreach (var (operation, seen) in Everything())
        {
            var isTriedTooOften = operation.Resumed > 3;
            if (operation.CancelledBy is null && !seen.IsCancelled && !isTriedTooOften)
                continue;
            var step = NextStep.Of(operation, seen);
            var expected = operation.Phase switch
            {
                Phase.Committed => UpdateStep.Finish,
                Phase.RollingBack => UpdateStep.GoBack,
                >= Phase.Snapshotting => UpdateStep.TurnBack,
                _ when isTriedTooOften => UpdateStep.GiveUp,
                _ => UpdateStep.CallOff,
            };
            Assert.Equal(expected, step);
        }
    }

    [Fact]
    public void Only_what_has_the_right_agent_kept_data_and_proven_services_is_committed()
    {
        foreach (var (operation, seen) in Everything())
        {
            if (NextStep.Of(operation, seen) is not UpdateStep.Commit)
                continue;
            Assert.True(seen is { IsSwitched: true, IsProven: true, IsCancelled: false, Unfit: null });
            Assert.True(seen.HasAgent || operation.Phase > Phase.Loaded);
            Assert.True(seen.HasData || operation.Phase >= Phase.Snapshotted);
            Assert.Null(operation.CancelledBy);
        }
    }

    [Fact]
    public void Nothing_leads_back_from_a_commit_nor_from_the_way_back()
    {
        foreach (var (operation, seen) in Everything())
        {
            if (operation.Phase is Phase.Committed)
                Assert.Equal(UpdateStep.Finish, NextStep.Of(operation, seen));
            else if (operation.Phase is Phase.RollingBack)
                Assert.Equal(UpdateStep.GoBack, NextStep.Of(operation, seen));
        }
    }

    [Theory]
    [InlineData(nameof(Phase.Loaded))]
    [InlineData(nameof(Phase.Snapshotted))]
    [InlineData(nameof(Phase.Switching))]
    [InlineData(nameof(Phase.Observing))]
    public void What_is_not_fit_is_taken_back(string phase) =>
        Assert.Equal(UpdateStep.TurnBack, NextStep.Of(In(Enum.Parse<Phase>(phase)), Ill));

    [Fact]
    public void One_that_is_held_at_its_commit_is_watched_on() =>
        Assert.Equal(UpdateStep.Observe, NextStep.Of(In(Phase.Observing), All with { IsProven = false }));

    [Theory]
    [InlineData(nameof(Phase.Pruned))]
    [InlineData(nameof(Phase.RolledBack))]
    public void One_that_has_ended_has_no_next_step(string phase) =>
        Assert.Throws<InvalidOperationException>(() => NextStep.Of(In(Enum.Parse<Phase>(phase)), All));

    /// <summary>What doing it comes to, as long as nothing fails.</summary>
    private static (Operation Operation, Seen Seen) After(Operation operation, Seen seen, UpdateStep step) =>
        step switch
        {
            UpdateStep.Prepare => (operation with { Phase = Phase.Loaded }, seen),
            UpdateStep.TakeOver => (operation, seen with { HasAgent = true }),
            UpdateStep.KeepData => (operation with { Phase = Phase.Snapshotted }, seen with { HasData = true }),
            UpdateStep.Switch => (
                operation.Phase > Phase.Switching ? operation : operation with { Phase = Phase.Switching },
                seen with
                {
                    IsSwitched = true,
                }
            ),
            UpdateStep.Observe => (operation with { Phase = Phase.Observing }, seen with { IsProven = true }),
            UpdateStep.Commit => (operation with { Phase = Phase.Committed }, seen),
            UpdateStep.TurnBack => (operation with { Phase = Phase.RollingBack }, seen),
            UpdateStep.GoBack => (operation with { Phase = Phase.RolledBack }, seen),
            _ => (operation, seen),
        };

    /// <summary>Each phase, with all that may have been seen in it.</summary>
    private static IEnumerable<(Operation Operation, Seen Seen)> Everything() =>
        from phase in Enum.GetValues<Phase>()
        where phase is not (Phase.Pruned or Phase.RolledBack)
        from cancelledBy in (string?[])[null, "alice"]
        from resumed in (int[])[0, 3, 4]
        from bits in Enumerable.Range(0, 64)
        select (
            In(phase) with
            {
                CancelledBy = cancelledBy,
                Resumed = resumed,
            },
            new Seen
            {
                HasAgent = (bits & 1) != 0,
                HasData = (bits & 2) != 0,
                IsSwitched = (bits & 4) != 0,
                IsProven = (bits & 8) != 0,
                IsCancelled = (bits & 16) != 0,
                Unfit = (bits & 32) != 0 ? new Unfit("web", "was not healthy") : null,
            }
        );

    private static Operation In(Phase phase) =>
        new(
            1,
            OperationKind.Upgrade,
            OperationState.Running,
            phase,
            "app",
            "sha256:1",
            "1.0.0",
            "sha256:2",
            "2.0.0",
            "alice",
            DateTimeOffset.UnixEpoch,
            null,
            "",
            "",
            "",
            null,
            0
        );
}
