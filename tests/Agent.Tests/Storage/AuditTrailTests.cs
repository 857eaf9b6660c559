using Appliance.Agent.Storage;

namespace Appliance.Agent.Tests.Storage;

public sealed class AuditTrailTests
{
    [Fact]
    public void An_untouched_chain_is_intact_over_restarts()
    {
        using var scratch = new ScratchState();
        using (var state = scratch.Open())
            Fill(state, 3);
        using var again = scratch.Open();
        Fill(again, 2);
        Assert.Equal(new AuditVerdict(5, 0), again.Audit.Verify());
        Assert.Equal([4L, 5L], again.Audit.List(2).Select(e => e.Id));
        Assert.Equal(5, again.Audit.List(null).Count());
        Assert.Empty(again.Audit.List(0));
    }

    [Theory]
    [InlineData("UPDATE audit SET actor = 'uid:0 (root)' WHERE id = 3", 3)]
    [InlineData("UPDATE audit SET outcome = 'denied' WHERE id = 5", 5)]
    [InlineData("UPDATE audit SET time = time + 1 WHERE id = 1", 1)]
    [InlineData("UPDATE audit SET request = '{', detail = '}' || detail WHERE id = 2", 2)]
    [InlineData("DELETE FROM audit WHERE id = 3", 4)]
    [InlineData("DELETE FROM audit WHERE id = 1", 2)]
    [InlineData("DELETE FROM audit WHERE id = 5", 5)]
    [InlineData("DELETE FROM audit", 1)]
    [InlineData(
        "INSERT INTO audit SELECT 6, time, actor, role, method, request, outcome, detail, hash FROM audit WHERE id = 5",
        6
    )]
    [InlineData("UPDATE audit SET hash = (SELECT hash FROM audit WHERE id = 1) WHERE id = 2", 2)]
    public void Tampering_is_found_where_it_happened(string tampering, long firstBroken)
    {
        using var scratch = new ScratchState();
        using (var state = scratch.Open())
        {
            Fill(state, 5);
            state.Database.Write(c => c.Execute(tampering));
        }

        using var again = scratch.Open();
        Assert.Equal(firstBroken, again.Audit.Verify().FirstBrokenId);
        Fill(again, 1);
        Assert.False(again.Audit.Verify().Intact, "going on healed the chain");
    }

    [Fact]
    public void Moving_a_character_from_one_field_to_the_next_changes_the_hash()
    {
        using var scratch = new ScratchState();
        using var state = scratch.Open();
        var one = state.Audit.Append(Samples.Audit() with { Request = "ab", Outcome = "c" });
        using var otherScratch = new ScratchState();
        using var other = otherScratch.Open();
        var two = other.Audit.Append(Samples.Audit() with { Request = "a", Outcome = "bc" });
        Assert.NotEqual(one.Hash, two.Hash);
    }

    private static void Fill(OpenState state, int count)
    {
        for (var i = 0; i < count; i++)
            state.Audit.Append(Samples.Audit($"{i}"));
    }
}
