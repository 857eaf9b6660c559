using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Storage;

namespace Appliance.Agent.Tests.Supervision;

public sealed class BudgetTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly (string, string, string) What = ("reboot", "", "engine-hangs");

    private static readonly Budget Daily = new(TimeSpan.FromDays(1), TimeSpan.FromDays(7), TimeSpan.FromDays(30));

    [Fact]
    public void The_wait_doubles_with_each_time_up_to_its_ceiling()
    {
        var waits = new List<double>();
        RungRecord? record = null;
        for (var at = Now; waits.Count < 6; at = record.NextAt)
        {
            record = Daily.Spend(record, What, at, "");
            waits.Add((record.NextAt - at).TotalDays);
        }

        Assert.Equal([1, 2, 4, 7, 7, 7], waits);
        Assert.Equal((6, Now), (record!.Count, record.FirstAt));
    }

    [Fact]
    public void A_long_time_without_it_gives_the_budget_back()
    {
        var record = Daily.Spend(null, What, Now, "");
        record = Daily.Spend(record, What, Now + TimeSpan.FromDays(1), "");
        Assert.Equal(2, Daily.Spent(record, Now + TimeSpan.FromDays(30)));

        Assert.Equal(0, Daily.Spent(record, Now + TimeSpan.FromDays(31)));
        Assert.Equal(1, Daily.Spend(record, What, Now + TimeSpan.FromDays(31), "").Count);
    }

    [Fact]
    public void Before_its_time_it_is_not_done_and_then_it_is()
    {
        var record = Daily.Spend(null, What, Now, "");

        Assert.Null(Budget.NotBefore(null, Now));
        Assert.Equal(Now + TimeSpan.FromDays(1), Budget.NotBefore(record, Now + TimeSpan.FromHours(23)));
        Assert.Null(Budget.NotBefore(record, Now + TimeSpan.FromDays(1)));
    }

    [Fact]
    public void A_clock_that_was_put_back_neither_blocks_for_ever_nor_opens_the_budget()
    {
        var record = Daily.Spend(null, What, Now, "");
        var earlier = Now - TimeSpan.FromDays(3650);

        var settled = Assert.Single(Budget.Displaced([record], earlier));

        Assert.Equal(earlier + TimeSpan.FromDays(1), Budget.NotBefore(settled, earlier));
        Assert.Equal(1, Daily.Spent(settled, earlier));
        Assert.Empty(Budget.Displaced([settled], earlier));
        Assert.Empty(Budget.Displaced([record], Now));
    }

    [Fact]
    public void A_clock_that_is_set_while_the_agent_runs_leaves_what_is_left_of_each_wait()
    {
        var record = Daily.Spend(null, What, Now, "");
        var later = Now + TimeSpan.FromHours(1);
        var jump = TimeSpan.FromDays(3650);

        var shifted = Assert.Single(Budget.Shifted([record], jump));

        Assert.Equal(TimeSpan.FromHours(23), Budget.NotBefore(shifted, later + jump) - (later + jump));
    }

    [Fact]
    public void What_was_spent_outlives_the_agent_and_each_cause_has_its_own()
    {
        using var scratch = new ScratchState();
        using var state = scratch.Open();
        var first = Daily.Spend(null, What, Now, "the engine hangs");
        var second = Daily.Spend(null, ("reboot", "", "engine-away"), Now, "the engine is away");
        new RungLedger(state.Database).Put(first, second);

        var known = new RungLedger(state.Database).All;

        Assert.Equal([second, first], known.OrderBy(r => r.Cause));
    }
}
