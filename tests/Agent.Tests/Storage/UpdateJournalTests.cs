using System.Text;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Tests.Storage;

/// <summary>What each entry of the journal changes, all at once, and survives a restart with.</summary>
public sealed class UpdateJournalTests : IDisposable
{
    private readonly ScratchState scratch = new();
    private OpenState state;

    public UpdateJournalTests() => state = scratch.Open();

    private UpdateJournal Journal => new(state.Database, scratch.Clock);

    private TrustTable Trust => new(state.Database);

    public void Dispose()
    {
        state.Dispose();
        scratch.Dispose();
    }

    [Fact]
    public void A_commit_moves_the_release_the_floor_and_what_is_trusted_together()
    {
        Trust.KeepRoots(["root"u8.ToArray()], 1);
        Commit(OperationKind.Install, "1.0.0", "first");
        Assert.Equal(("1.0.0", null, "1.0.0", "first"), Standing());

        Commit(OperationKind.Upgrade, "2.0.0", "second");
        Assert.Equal(("2.0.0", "1.0.0", "2.0.0", "second"), Standing());

        Commit(OperationKind.Rollback, "1.0.0", trust: null);
        Assert.Equal(("1.0.0", null, "2.0.0", "second"), Standing());
        Assert.Null(Journal.Release("2.0.0"));
    }

    [Fact]
    public void What_ends_without_a_commit_raises_nothing_and_leaves_nothing()
    {
        Trust.KeepRoots(["root"u8.ToArray()], 1);
        Commit(OperationKind.Install, "1.0.0", "first");
        var failed = Begin(OperationKind.Upgrade, "2.0.0", "second");
        Journal.TurnBack(failed.Id, "going back", "web is not well", "its log");
        Journal.End(failed.Id, OperationState.RolledBack, Phase.RolledBack, "1.0.0 runs again", "not well", "its log");

        Commit(OperationKind.Upgrade, "1.5.0", trust: null);

        Assert.Equal(("1.5.0", "1.0.0", "1.5.0", "first"), Standing());
        Assert.Null(Journal.Release("2.0.0"));
    }

    [Fact]
    public void An_operation_is_found_again_as_far_as_it_had_come()
    {
        var begun = Begin(OperationKind.Install, "1.0.0", "first");
        Journal.Record(begun.Id, Phase.Switching, StepOutcome.Begun, "starting web", "web");
        Journal.Cancel(begun.Id, "alice");
        Journal.Resume(begun.Id);

        state.Dispose();
        state = scratch.Open();

        var found = Journal.Running!;
        Assert.Equal(
            (begun.Id, Phase.Switching, "starting web", "alice", 1),
            (found.Id, found.Phase, found.Sentence, found.CancelledBy, found.Resumed)
        );
        Assert.Equal(
            [(1L, Phase.Verified, null), (2L, Phase.Switching, "web")],
            Journal.Steps(begun.Id).Select(s => (s.Sequence, s.Phase, s.Service))
        );
        Assert.Equal([2L], Journal.Steps(begun.Id, after: 1).Select(s => s.Sequence));
        Assert.NotNull(Journal.Release("1.0.0"));
        Assert.Null(Journal.Current);
    }

    [Fact]
    public void There_is_one_operation_at_a_time()
    {
        var first = Begin(OperationKind.Install, "1.0.0", "first");
        Assert.Throws<InvalidOperationException>(() => Begin(OperationKind.Install, "2.0.0", "second"));
        Assert.Null(Journal.Release("2.0.0"));
        Assert.Equal(first.Id, Journal.Running!.Id);
    }

    [Fact]
    public async Task Who_watches_is_told_of_each_entry()
    {
        var journal = Journal;
        var changed = journal.Changed;
        var begun = Begin(OperationKind.Install, "1.0.0", "first", journal);
        await changed.WaitAsync(TestContext.Current.CancellationToken);

        changed = journal.Changed;
        Assert.False(changed.IsCompleted);
        journal.Record(begun.Id, Phase.Loading, StepOutcome.Begun, "loading 1 image");
        await changed.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void The_history_keeps_the_newest()
    {
        for (var i = 0; i < 210; i++)
        {
            var begun = Begin(OperationKind.Upgrade, $"1.0.{i}", trust: null);
            Journal.End(begun.Id, OperationState.Refused, Phase.Preflighted, "refused", "no room", "");
        }
        var kept = Journal.Ended(1000);
        Assert.Equal(200, kept.Count);
        Assert.Equal("1.0.209", kept[0].ToVersion);
        Assert.Empty(Journal.Steps(1));
    }

    [Fact]
    public void The_one_by_which_what_is_installed_was_come_to_is_kept_however_long_ago_it_was()
    {
        Commit(OperationKind.Install, "1.0.0", trust: null);
        Commit(OperationKind.Upgrade, "2.0.0", trust: null);
        for (var i = 0; i < 210; i++)
        {
            var begun = Begin(OperationKind.Upgrade, $"3.0.{i}", trust: null);
            Journal.End(begun.Id, OperationState.Refused, Phase.Preflighted, "refused", "no room", "");
        }
        Assert.Equal("2.0.0", Journal.LatestCommitted?.ToVersion);
        Assert.Null(Journal.Find(1));

        Commit(OperationKind.Upgrade, "3.0.0", trust: null);
        Assert.Null(Journal.Find(2));
    }

    private Operation Begin(OperationKind kind, string version, string? trust, UpdateJournal? journal = null)
    {
        var now = scratch.Clock.GetUtcNow();
        journal ??= Journal;
        return journal.Begin(
            new Operation(
                0,
                kind,
                OperationState.Running,
                Phase.Verified,
                "demo",
                journal.Current?.Digest,
                "",
                version,
                version,
                "a test",
                now,
                null,
                "verified",
                "",
                "",
                null,
                0
            ),
            new KnownRelease(version, "{}"u8.ToArray()),
            trust is null ? null : new PendingTrust(Bytes(trust), Bytes(trust), Bytes(trust))
        );
    }

    private void Commit(OperationKind kind, string version, string? trust)
    {
        var begun = Begin(kind, version, trust);
        Journal.Commit(begun, "committed");
        Journal.End(begun.Id, OperationState.Done, Phase.Pruned, "done", "", "");
    }

    /// <summary>Releases are called by their versions here.</summary>
    private (string? Current, string? Previous, string? Floor, string Timestamp) Standing() =>
        (
            Journal.Current?.Digest,
            Journal.Previous?.Digest,
            Journal.Floor,
            Encoding.UTF8.GetString(Trust.Load()!.Timestamp!)
        );

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
