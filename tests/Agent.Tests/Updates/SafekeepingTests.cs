using Appliance.Agent.Storage;
using Appliance.Agent.Tests.Supervision;
using Appliance.Agent.Updates;
using Appliance.Bundles.Releases;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What is kept of data, and what becomes of it on the way back.</summary>
public sealed class SafekeepingTests : IAsyncDisposable
{
    private readonly DataRoom room = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => room.DisposeAsync();

    [Fact]
    public async Task What_a_migration_did_is_forgotten_with_the_data_that_goes_back()
    {
        var upgrade = await ChangedAsync();
        room.Supervisor.Forgotten.Clear();
        var states = new List<SnapshotState>();
        room.Supervisor.Forgets = () => states.AddRange(room.Snapshots.Of(upgrade.Id).Select(s => s.State));

        Assert.Null(await room.PutBackAsync(upgrade, DataRoom.One, DataRoom.Two));

        Assert.Equal([(DataRoom.Two, DataRoom.One)], room.Supervisor.Forgotten);
        // Not after the entry that it was put back: a start of the agent in between would not do it again.
        Assert.Equal([SnapshotState.Made, SnapshotState.Made], states);
        Assert.Equal(("one", "one"), (room.Read("rows"), room.Read("blobs")));
    }

    [Fact]
    public async Task What_the_newer_releases_migration_did_is_forgotten_once_a_rollback_has_committed()
    {
        var (_, rollback) = await room.RollingBackAsync();
        Assert.Null(await room.KeepAsync(rollback, DataRoom.Two, DataRoom.One));
        Assert.Equal("one", room.Read("rows"));
        room.Supervisor.Forgotten.Clear();

        room.Of(rollback, DataRoom.Two, DataRoom.One).Safekeeping.Settle();
        Assert.Equal([(DataRoom.Two, DataRoom.One)], room.Supervisor.Forgotten);

        room.Supervisor.Forgotten.Clear();
        room.Journal.TurnBack(rollback.Id, "going back", "a test", "");
        Assert.Null(await room.PutBackAsync(rollback, DataRoom.Two, DataRoom.One));
        Assert.Empty(room.Supervisor.Forgotten);
        Assert.Equal("two", room.Read("rows"));
    }

    [Theory]
    [InlineData("created")] // as an agent that was killed while it started it has left it
    [InlineData("running")]
    public async Task Data_is_not_put_back_under_a_container_that_may_be_starting(string state)
    {
        var upgrade = await ChangedAsync();
        room.Engine.Containers = [new("app-migrate-1", state, "app_rows", "app", "migrate")];

        var back = room.Of(upgrade, DataRoom.One, DataRoom.Two).Safekeeping.PutBackAsync(Ct);
        await LookedAtAsync(20);
        Assert.False(back.IsCompleted);
        Assert.Equal("two", room.Read("rows"));

        room.Engine.Containers = [];
        Assert.Null(await room.PassingTimeAsync(back));
        Assert.Equal("one", room.Read("rows"));
        Assert.Contains("app-migrate-1", Assert.Single(Waited()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_list_does_not_show_to_be_starting_is_asked_for()
    {
        var upgrade = await ChangedAsync();
        room.Engine.Containers = [new("app-db-1", "exited", "app_rows", "app", "db") { InspectedState = "running" }];

        var back = room.Of(upgrade, DataRoom.One, DataRoom.Two).Safekeeping.PutBackAsync(Ct);
        await LookedAtAsync(3);
        Assert.False(back.IsCompleted);

        // One that the release before has as well stays, stopped.
        room.Engine.Containers = [new("app-db-1", "exited", "app_rows", "app", "db")];
        Assert.Null(await room.PassingTimeAsync(back));
    }

    [Fact]
    public async Task Data_goes_back_though_the_release_that_it_is_for_cannot_be_read()
    {
        var upgrade = await ChangedAsync();
        var back = room.Of(upgrade, SampleRelease.Nothing("app"), DataRoom.Two).Back;

        var end = await room.PassingTimeAsync(back.GoBackAsync("a test", "", Ct));

        Assert.Equal((OperationState.Failed, Phase.RolledBack), (end.State, end.Phase));
        Assert.Contains("only its data was put back", end.Sentence, StringComparison.Ordinal);
        Assert.Equal(("one", "one"), (room.Read("rows"), room.Read("blobs")));
        Assert.Single(room.Supervisor.Refused);
        // What is not known is not taken away, unless it uses the data.
        Assert.All(room.Supervisor.Told.Skip(1), t => Assert.True(t.IsUnknown));
    }

    [Fact]
    public async Task What_could_not_be_put_back_for_a_release_that_cannot_be_read_keeps_it_from_being_started()
    {
        var upgrade = await ChangedAsync();
        Directory.Delete(Path.Combine(room.Shelf(upgrade), "app_blobs"), recursive: true);
        Assert.Null(room.Plans.Unreturned);

        var end = await room.PassingTimeAsync(
            room.Of(upgrade, SampleRelease.Nothing("app"), DataRoom.Two).Back.GoBackAsync("a test", "", Ct)
        );
        room.Journal.End(upgrade.Id, end.State, end.Phase, end.Sentence, end.Reason, end.Evidence);
        await room.Old.RemoveAsync(Ct);

        Assert.Contains(upgrade.Name, room.Plans.Unreturned, StringComparison.Ordinal);
        Assert.True(Directory.Exists(Path.Combine(room.Shelf(upgrade), "app_rows")));
        // Until there is another that was made for the data as it is.
        var next = room.Begin(OperationKind.Upgrade, "1.0.0", "2.0.1");
        room.Journal.Commit(next, "committed");
        room.Journal.End(next.Id, OperationState.Done, Phase.Pruned, "upgraded", "", "");
        await room.Old.RemoveAsync(Ct);
        Assert.Null(room.Plans.Unreturned);
        Assert.False(Directory.Exists(room.Shelf(upgrade)));
    }

    [Fact]
    public async Task When_one_volume_of_a_set_is_lost_no_other_is_moved_and_what_there_is_stays()
    {
        var upgrade = await ChangedAsync();
        // The other comes before it.
        Directory.Delete(Path.Combine(room.Shelf(upgrade), "app_rows"), recursive: true);

        // A start of the agent finds the same.
        for (var start = 0; start < 2; start++)
        {
            Assert.Contains(
                "the snapshot of app_rows is gone",
                await room.PutBackAsync(upgrade, DataRoom.One, DataRoom.Two),
                StringComparison.Ordinal
            );
            Assert.Equal(("two", "two"), (room.Read("rows"), room.Read("blobs")));
        }
        Assert.Contains("db", room.Supervisor.Stopped);
        Assert.DoesNotContain("web", room.Supervisor.Stopped);
        room.Journal.End(upgrade.Id, OperationState.Failed, Phase.RolledBack, "lost", "", "");
        await room.Old.RemoveAsync(Ct);
        Assert.Equal("one", await File.ReadAllTextAsync(Path.Combine(room.Shelf(upgrade), "app_blobs", "file"), Ct));
        // A person was told, and the rest of the release runs.
        Assert.Null(room.Plans.Unreturned);
    }

    [Fact]
    public async Task A_set_is_put_back_from_where_it_was_cut_short()
    {
        var upgrade = await ChangedAsync();
        var blobs = Path.Combine(room.Shelf(upgrade), "app_blobs");
        Directory.Move(room.Live("blobs"), blobs + ".abandoned");
        Directory.Move(blobs, room.Live("blobs"));
        Directory.Move(room.Live("rows"), Path.Combine(room.Shelf(upgrade), "app_rows.abandoned"));

        Assert.Null(await room.PutBackAsync(upgrade, DataRoom.One, DataRoom.Two));

        Assert.Equal(("one", "one"), (room.Read("rows"), room.Read("blobs")));
        Assert.Equal("two", await File.ReadAllTextAsync(Path.Combine(blobs + ".abandoned", "file"), Ct));
    }

    [Fact]
    public async Task Without_a_row_that_says_where_it_was_kept_nothing_old_is_started_on_what_was_changed()
    {
        var upgrade = await ChangedAsync();
        room.Snapshots.Forget(upgrade.Id);
        Assert.True(room.Plans.IsChanging(upgrade));

        Assert.NotNull(await room.PutBackAsync(upgrade, DataRoom.One, DataRoom.Two));

        Assert.Equal(["db"], room.Supervisor.Stopped);
        Assert.NotEmpty(room.Supervisor.Told[^1].Still);
    }

    [Fact]
    public async Task A_cancelled_upgrade_whose_data_is_not_back_has_failed()
    {
        var upgrade = room.Upgrading();
        Assert.Null(await room.KeepAsync(upgrade, DataRoom.One, DataRoom.Two));
        Directory.Delete(room.Shelf(upgrade), recursive: true);
        room.Journal.Cancel(upgrade.Id, "alice");

        var back = room.Of(upgrade, DataRoom.One, DataRoom.Two).Back;
        await back.TurnBackAsync(() => new Unfit("", "alice cancelled it"), Ct);
        var end = await room.PassingTimeAsync(back.GoBackAsync("alice cancelled it", "", Ct));

        Assert.Equal(OperationState.Failed, end.State);
        Assert.Contains("is gone", end.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rollback_without_its_snapshot_is_refused_before_anything_stops()
    {
        var (upgrade, rollback) = await room.RollingBackAsync();
        Directory.Delete(Path.Combine(room.Shelf(upgrade), "app_rows"), recursive: true);

        var refused = await Assert.ThrowsAsync<RefusedException>(() =>
            room.Of(rollback, DataRoom.Two, DataRoom.One).Safekeeping.CheckAsync(Ct)
        );

        Assert.Contains("is not there any more", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rollback_whose_snapshot_goes_meanwhile_leaves_the_running_release_as_it_is()
    {
        var (upgrade, rollback) = await room.RollingBackAsync();
        room.Journal.BeginSnapshot(
            rollback,
            [
                .. room
                    .Plans.OfRollback()
                    .Snapshots.Select(s =>
                        s with
                        {
                            Operation = rollback.Id,
                            Kept = Path.Combine(room.Shelf(rollback), s.Volume),
                            State = SnapshotState.Wanted,
                        }
                    ),
            ],
            "stopping"
        );
        Directory.Delete(Path.Combine(room.Shelf(upgrade), "app_rows"), recursive: true);

        Assert.Contains(
            "is gone",
            (await room.KeepAsync(rollback, DataRoom.Two, DataRoom.One))!.Reason,
            StringComparison.Ordinal
        );
        Assert.Equal(("two", "two"), (room.Read("rows"), room.Read("blobs")));
        room.Journal.TurnBack(rollback.Id, "going back", "a test", "");
        Assert.Null(await room.PutBackAsync(rollback, DataRoom.Two, DataRoom.One));

        Assert.Empty(room.Supervisor.Stopped);
        Assert.Equal(("two", "two"), (room.Read("rows"), room.Read("blobs")));
    }

    [Fact]
    public async Task What_a_rollback_needs_on_its_way_back_is_not_given_back_meanwhile()
    {
        var (upgrade, rollback) = await room.RollingBackAsync();
        Assert.Null(await room.KeepAsync(rollback, DataRoom.Two, DataRoom.One));
        room.Clock.Advance(TimeSpan.FromDays(30));

        await room.Old.RemoveAsync(Ct);

        Assert.All(room.Snapshots.Of(upgrade.Id), s => Assert.Equal(SnapshotState.Made, s.State));
        // And where it is taken away all the same.
        Directory.Delete(room.Shelf(upgrade), recursive: true);
        room.Journal.TurnBack(rollback.Id, "going back", "a test", "");
        Assert.Null(await room.PutBackAsync(rollback, DataRoom.Two, DataRoom.One));
        Assert.Equal(("two", "two"), (room.Read("rows"), room.Read("blobs")));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("other")]
    public async Task What_somebody_else_uses_is_refused_before_anything_stops(string? project)
    {
        var upgrade = room.Upgrading();
        room.Engine.Containers =
        [
            new("app-db-1", "running", "app_rows", "app", "db"),
            new("app-shell", "running", "app_rows", project, null),
        ];

        var refused = await Assert.ThrowsAsync<RefusedException>(() =>
            room.Of(upgrade, DataRoom.One, DataRoom.Two).Safekeeping.CheckAsync(Ct)
        );
        Assert.Contains("app-shell uses app_rows", refused.Message, StringComparison.Ordinal);

        // One that does not run uses nothing.
        room.Engine.Containers = [room.Engine.Containers[0], new("app-shell", "exited", "app_rows", project, null)];
        Assert.Equal(
            2,
            (await room.Of(upgrade, DataRoom.One, DataRoom.Two).Safekeeping.CheckAsync(Ct)).Snapshots.Count
        );
    }

    [Fact]
    public async Task Whoever_keeps_the_data_from_going_back_is_named_once()
    {
        var upgrade = await ChangedAsync();
        room.Engine.Containers = [new("shell", "running", "app_rows", null, null)];

        var back = room.Of(upgrade, DataRoom.One, DataRoom.Two).Safekeeping.PutBackAsync(Ct);
        await LookedAtAsync(10);
        room.Engine.Containers = [new("other", "running", "app_rows", null, null)];
        await LookedAtAsync(10);
        room.Engine.Containers = [];
        Assert.Null(await room.PassingTimeAsync(back));

        Assert.Equal(
            [
                "waiting to put the data back: shell uses app_blobs, app_rows",
                "waiting to put the data back: other uses app_blobs, app_rows",
            ],
            Waited()
        );
        Assert.Equal(2, room.State.Events.After(0, 100, null).Count(e => e.Kind == "update.waiting"));
        Assert.Equal("one", room.Read("rows"));
    }

    [Fact]
    public async Task A_rollback_of_which_the_state_file_knows_too_little_is_refused()
    {
        var (_, rollback) = await room.RollingBackAsync();
        room.Journal.End(rollback.Id, OperationState.Refused, Phase.Preflighted, "", "", "");
        Assert.Null(room.Plans.OfRollback().Problem);

        room.State.Database.Write(c => c.Execute("DELETE FROM operations"));

        Assert.NotNull(room.Plans.OfRollback().Problem);
        // But what is installed runs.
        Assert.Null(room.Plans.Unreturned);
    }

    /// <summary>An upgrade that has changed the data, and is to be taken back.</summary>
    private async Task<Operation> ChangedAsync()
    {
        var upgrade = room.Upgrading();
        Assert.Null(await room.KeepAsync(upgrade, DataRoom.One, DataRoom.Two));
        room.Write("rows", "two");
        room.Write("blobs", "two");
        room.Journal.TurnBack(upgrade.Id, "going back", "a test", "");
        return upgrade;
    }

    /// <summary>Lets time pass until the engine was looked at so often.</summary>
    private async Task LookedAtAsync(int times)
    {
        var until = room.Engine.Lists + times;
        await Eventually.TrueAsync(
            "it is looked at the engine",
            () =>
            {
                room.Clock.Advance(TimeSpan.FromMilliseconds(500));
                return room.Engine.Lists >= until;
            },
            Ct
        );
    }

    private IEnumerable<string> Waited() =>
        room
            .Journal.Steps(room.Journal.Newest(1)[0].Id)
            .Where(s => s.Text.StartsWith("waiting", StringComparison.Ordinal))
            .Select(s => s.Text);
}
