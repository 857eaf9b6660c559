using Appliance.Agent.Storage;
using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Tests.Storage;

/// <summary>What of a state file goes over into a fresh one, and what the fresh one makes of what did not.</summary>
public sealed class LostRowsTests : IDisposable
{
    private readonly ScratchState scratch = new();

    public void Dispose() => scratch.Dispose();

    [Fact]
    public void Of_a_newer_agents_file_goes_over_what_this_one_has_columns_for()
    {
        using (var state = scratch.Open())
            state.Wishes.Stop("web", "uid:0 (root)", "maintenance");
        Damage(
            "ALTER TABLE wishes ADD COLUMN newer TEXT NOT NULL DEFAULT 'x'",
            "ALTER TABLE alert_rules DROP COLUMN last_at",
            "DROP TABLE tokens"
        );

        using var again = scratch.Open();

        Assert.NotNull(again.Database.Replaced);
        Assert.Equal("maintenance", again.Wishes.Of("web")?.Reason);
        // It may have them under another name.
        Assert.Equal(["tokens"], again.Database.Replaced.Lost);
    }

    [Fact]
    public void The_id_of_an_operation_whose_snapshot_is_known_is_not_given_again()
    {
        using (var state = scratch.Open())
            new SnapshotTable(state.Database).Put([Snapshot(7)]);
        Damage("DROP TABLE operations");

        using var again = scratch.Open();

        Assert.Contains("operations", again.Database.Replaced!.Lost);
        Assert.Single(new SnapshotTable(again.Database).Of(7));
        Assert.Equal(8, Updates.BegunOperation.BeginUpgrade(Journal(again), scratch.Clock.GetUtcNow()).Id);
    }

    [Fact]
    public void Without_what_was_known_of_snapshots_it_cannot_be_told_what_is_needed()
    {
        using (var state = scratch.Open())
            new SnapshotTable(state.Database).Put([Snapshot(7)]);
        Damage("DROP TABLE snapshots");

        using var again = scratch.Open();

        Assert.False(Journal(again).KnowsAll);
    }

    [Fact]
    public void That_a_one_shot_is_to_run_again_is_said_to_be_durable_only_when_it_is()
    {
        using var state = scratch.Open();
        state.Completions.Put(new Completion("migrate/1", "1", DateTimeOffset.UnixEpoch, 0));
        Assert.True(state.Completions.Forget("other/1", "1"));
        state.Database.Read(c => c.Execute("PRAGMA query_only = 1"));

        Assert.False(state.Completions.Forget("migrate/1", "1"));
        // Nothing is left of it in memory, and yet it is not done.
        Assert.False(state.Completions.Forget("migrate/1", "1"));

        state.Database.Read(c => c.Execute("PRAGMA query_only = 0"));
        Assert.True(state.Completions.Forget("migrate/1", "1"));
    }

    private UpdateJournal Journal(OpenState state) => new(state.Database, scratch.Clock);

    private static VolumeSnapshot Snapshot(long operation) =>
        new(operation, "v", "/live", "/kept/v", SnapshotState.Made, 1, false, DateTimeOffset.UnixEpoch, "");

    /// <summary>Leaves what a newer agent may leave.</summary>
    private void Damage(params string[] statements)
    {
        using var damaged = new SqliteConnection($"Data Source={scratch.File};Pooling=False");
        damaged.Open();
        damaged.Execute("PRAGMA foreign_keys = OFF");
        foreach (var statement in statements)
            damaged.Execute(statement);
        // A table or column that is missed in it makes it useless to this agent.
        damaged.Execute($"PRAGMA user_version = {Schema.Version + 1}");
    }
}
