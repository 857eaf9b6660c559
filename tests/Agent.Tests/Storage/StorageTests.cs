using Appliance.Agent.Storage;
using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Tests.Storage;

public sealed class StorageTests
{
    [Fact]
    public void State_outlives_the_agent()
    {
        using var scratch = new ScratchState();
        var at = scratch.Clock.GetUtcNow();
        var restart = new RestartRecord("web/1", 3, 2, at, at.AddSeconds(8), "exited with 1");
        var completion = new Completion("migrate/1", "abc", at, 0);
        using (var state = scratch.Open())
        {
            state.Wishes.Stop("web", "uid:0 (root)", "maintenance");
            state.Wishes.Stop("db", "uid:0 (root)", "gone again");
            Assert.True(state.Wishes.Clear("db"));
            Assert.False(state.Wishes.Clear("db"));
            state.Restarts.Put(restart);
            state.Restarts.Put(restart with { Slot = "db/1" });
            state.Restarts.Forget("db/1");
            state.Completions.Put(completion);
            Assert.Equal(1, state.Events.Append(Samples.Event("It was gone.")));
        }

        using var again = scratch.Open();
        Assert.Equal(new StopWish("web", at, "uid:0 (root)", "maintenance"), Assert.Single(again.Wishes.All()).Value);
        Assert.Equal(restart, again.Restarts.Of("web/1"));
        Assert.Null(again.Restarts.Of("db/1"));
        Assert.Equal(completion, again.Completions.Of("migrate/1", "abc"));
        var stored = Assert.Single(again.Events.After(0, 10, null));
        Assert.Equal(
            new StoredEvent(
                1,
                at,
                EventSeverity.Info,
                "container.restarted",
                "web",
                "web-1",
                "It was gone.",
                "Started it."
            ),
            stored
        );
    }

    [Fact]
    public void What_a_slot_has_completed_is_remembered_for_its_latest_definitions()
    {
        using var scratch = new ScratchState();
        var at = scratch.Clock.GetUtcNow();
        using (var state = scratch.Open())
        {
            for (var n = 1; n <= 10; n++)
                state.Completions.Put(new Completion("migrate/1", $"{n}", at.AddMinutes(n), 0));
            // Run again: the latest, and still one.
            state.Completions.Put(new Completion("migrate/1", "3", at.AddHours(1), 0));
            state.Completions.Put(new Completion("migrate/1", "11", at.AddHours(2), 0));
            state.Completions.Forget("migrate/1", "9");
            state.Completions.Put(new Completion("seed/1", "1", at, 0));
            state.Completions.Forget("seed/1", "1");
        }

        using var again = scratch.Open();
        Assert.Equal(
            ["3", "5", "6", "7", "8", "10", "11"],
            Enumerable.Range(1, 11).Select(n => $"{n}").Where(h => again.Completions.Of("migrate/1", h) is not null)
        );
        Assert.Equal(at.AddHours(1), again.Completions.Of("migrate/1", "3")!.At);
        Assert.Null(again.Completions.Of("seed/1", "1"));
    }

    [Fact]
    public void Nobody_but_the_agents_user_reads_the_state()
    {
        using var scratch = new ScratchState();
        File.SetUnixFileMode(scratch.Folder, (UnixFileMode)Convert.ToInt32("755", 8));
        using var state = scratch.Open();
        state.Events.Append(Samples.Event("x"));
        Assert.Equal(Convert.ToInt32("700", 8), (int)File.GetUnixFileMode(scratch.Folder));
        foreach (var file in Directory.GetFiles(scratch.Folder))
            Assert.Equal(Convert.ToInt32("600", 8), (int)File.GetUnixFileMode(file));
    }

    [Fact]
    public void Commits_are_synchronous()
    {
        using var scratch = new ScratchState();
        using var state = scratch.Open();
        Assert.Equal(2, state.Database.Read(c => c.Number("PRAGMA synchronous")));
        Assert.Equal("wal", state.Database.Read(c => c.Rows("PRAGMA journal_mode", r => r.GetString(0)))[0]);
        Assert.Equal(1, state.Database.Read(c => c.Number("PRAGMA foreign_keys")));
    }

    [Fact]
    public void A_second_agent_is_kept_out_and_the_first_goes_on()
    {
        using var scratch = new ScratchState();
        using var first = scratch.Open();
        Assert.Throws<StorageInUseException>(() => scratch.Open());
        Assert.Equal(1, first.Events.Append(Samples.Event("still here")));
    }

    [Theory]
    [InlineData("this is no database, and long enough to be read as the header of one........................")]
    [InlineData("x")]
    public void A_file_that_is_no_database_is_set_aside_with_an_alarm(string content)
    {
        using var scratch = new ScratchState();
        File.WriteAllText(scratch.File, content);

        using var state = scratch.Open();
        var alarm = Assert.Single(state.Events.After(0, 10, null));
        Assert.Equal(("storage.replaced", EventSeverity.Error), (alarm.Kind, alarm.Severity));
        var aside = Assert.Single(Directory.GetFiles(scratch.Folder, "agent.db.damaged-*Z"));
        Assert.Contains(aside, alarm.Done, StringComparison.Ordinal);
        Assert.True(state.Audit.Verify().Intact);
    }

    [Fact]
    public void What_can_still_be_read_of_a_damaged_file_is_carried_over()
    {
        using var scratch = new ScratchState();
        long last = 0;
        using (var state = scratch.Open())
        {
            state.Wishes.Stop("web", "uid:0 (root)", "maintenance");
            state.Audit.Append(Samples.Audit());
            for (var i = 0; i < 500; i++)
                last = state.Events.Append(Samples.Event($"event {i} {new string('x', 200)}"));
        }
        Damage.LastPageOf(scratch.File);

        using var again = scratch.Open();
        Assert.NotNull(again.Database.Replaced);
        Assert.Equal("maintenance", again.Wishes.Of("web")?.Reason);
        Assert.Equal(new AuditVerdict(1, 0), again.Audit.Verify());
        Assert.True(again.Events.LastId > last, "an event id was given twice");
        Assert.Equal("storage.replaced", again.Events.Tail(1, null)[0].Kind);
    }

    [Fact]
    public void An_exchange_that_was_cut_short_is_finished_and_what_was_lost_is_known()
    {
        using var scratch = new ScratchState();
        using (var state = scratch.Open())
            state.Wishes.Stop("web", "uid:0 (root)", "maintenance");
        File.WriteAllText(scratch.File + "-wal", "the damaged one's");
        var replacing = new Replacing(scratch.File, scratch.Clock.GetUtcNow());
        // All that was installed is lost.
        using (var damaged = new SqliteConnection($"Data Source={scratch.File};Pooling=False"))
        {
            File.Delete(scratch.File + "-wal");
            damaged.Open();
            damaged.Execute("DROP TABLE installed");
        }
        replacing.Prepare("a page is bad", OpenNew);
        File.WriteAllText(scratch.File + "-wal", "the damaged one's");
        // Where a kill may fall: the damaged one aside already, its log not yet.
        File.Move(scratch.File, replacing.Aside);

        for (var start = 0; start < 2; start++)
        {
            using var again = scratch.Open();
            Assert.Null(again.Database.NotDurableBecause);
            Assert.Equal("maintenance", again.Wishes.Of("web")?.Reason);
            Assert.Equal("storage.replaced", Assert.Single(again.Events.After(0, 10, null)).Kind);
            Assert.False(new UpdateJournal(again.Database, scratch.Clock).KnowsAll);
        }
        Assert.Equal("the damaged one's", File.ReadAllText(replacing.Aside + "-wal"));
    }

    [Theory]
    [InlineData(".fresh")]
    [InlineData(".ready")]
    public void An_exchange_that_had_not_begun_is_forgotten(string left)
    {
        using var scratch = new ScratchState();
        using (var state = scratch.Open())
            state.Wishes.Stop("web", "uid:0 (root)", "maintenance");
        File.WriteAllText(scratch.File + left, "of an earlier start");

        using var again = scratch.Open();
        Assert.Equal("maintenance", again.Wishes.Of("web")?.Reason);
        Assert.False(File.Exists(scratch.File + left));
    }

    private static SqliteConnection OpenNew(string file)
    {
        var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        Schema.Migrate(connection);
        return connection;
    }

    [Fact]
    public void The_agent_before_goes_on_with_a_file_to_which_its_successor_has_added()
    {
        using var scratch = new ScratchState();
        using (var state = scratch.Open())
        {
            state.Wishes.Stop("web", "uid:0 (root)", "maintenance");
            state.Database.Write(c =>
                c.Execute("CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT")
                + c.Execute("ALTER TABLE wishes ADD COLUMN later TEXT NOT NULL DEFAULT ''")
                + c.Execute($"PRAGMA user_version = {Schema.Version + 1}")
            );
        }

        using (var before = scratch.Open())
        {
            Assert.Null(before.Database.Replaced);
            Assert.NotNull(before.Wishes.Of("web"));
            before.Wishes.Stop("data", "uid:0 (root)", "");
            Assert.Equal(Schema.Version + 1, before.Database.Read(Schema.VersionOf));
        }
        using var again = scratch.Open();
        Assert.NotNull(again.Wishes.Of("data"));
    }

    [Fact]
    public void A_file_in_which_a_newer_agent_has_taken_something_away_is_set_aside()
    {
        using var scratch = new ScratchState();
        using (var state = scratch.Open())
        {
            state.Wishes.Stop("web", "uid:0 (root)", "maintenance");
            state.Database.Write(c =>
                c.Execute("ALTER TABLE wishes DROP COLUMN reason")
                + c.Execute($"PRAGMA user_version = {Schema.Version + 1}")
            );
        }

        using var again = scratch.Open();
        Assert.Contains("no column wishes.reason", again.Database.Replaced?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_only_add_so_that_the_agent_before_can_go_on_with_the_file()
    {
        foreach (var statement in Schema.Additions.SelectMany(s => s.Split(';')).Select(s => s.Trim()))
        {
            if (statement.Length == 0)
                continue;
            Assert.Matches(@"^(CREATE (TABLE|(UNIQUE )?INDEX)|ALTER TABLE \w+ ADD COLUMN) ", statement);
            if (statement.StartsWith("ALTER", StringComparison.Ordinal))
                Assert.Matches("^[^(]*(DEFAULT|TEXT$|INTEGER$|BLOB$)", statement);
        }
    }

    [Fact]
    public void A_copy_of_the_state_is_kept_before_its_tables_are_changed()
    {
        using var scratch = new ScratchState();
        using (var state = scratch.Open())
        {
            state.Wishes.Stop("web", "uid:0 (root)", "maintenance");
            state.Database.Write(c =>
                c.Execute("ALTER TABLE operations DROP COLUMN agent_before")
                + c.Execute($"PRAGMA user_version = {Schema.Version - 1}")
            );
        }

        var copy = Path.Combine(scratch.Folder, $"agent.db.v{Schema.Version - 1}");
        using (var again = scratch.Open())
            Assert.NotNull(again.Wishes.Of("web"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(copy));
        using var kept = new SqliteConnection($"Data Source={copy};Pooling=False");
        kept.Open();
        Assert.Equal(Schema.Version - 1, Schema.VersionOf(kept));
        Assert.Equal(["web"], kept.Rows("SELECT service FROM wishes", r => r.GetString(0)));
    }

    [Fact]
    public void A_state_folder_that_cannot_be_made_leaves_an_agent_that_works_and_promises_nothing()
    {
        using var scratch = new ScratchState();
        var blocked = Path.Combine(scratch.Folder, "file");
        File.WriteAllText(blocked, "");
        using var state = new ScratchState(Path.Combine(blocked, "state")).Open();
        Assert.NotNull(state.Database.NotDurableBecause);
        Assert.Equal(1, state.Events.Append(Samples.Event("kept in memory")));
        state.Restarts.Put(new RestartRecord("web/1", 1, 1, default, default, ""));
        Assert.NotNull(state.Restarts.Of("web/1"));
        Assert.Throws<StorageException>(() => state.Wishes.Stop("web", "uid:0 (root)", ""));
        Assert.Throws<StorageException>(() => state.Audit.Append(Samples.Audit()));
    }

    [Fact]
    public async Task Writers_and_readers_at_once_lose_nothing()
    {
        using var scratch = new ScratchState();
        using var state = scratch.Open();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 8),
            TestContext.Current.CancellationToken,
            (writer, _) =>
            {
                for (var i = 0; i < 50; i++)
                {
                    state.Events.Append(Samples.Event($"{writer}/{i}"));
                    state.Audit.Append(Samples.Audit($"{writer}/{i}"));
                    state.Restarts.Put(new RestartRecord($"s/{writer}", i, 0, default, default, ""));
                    state.Events.Tail(5, null);
                }
                return ValueTask.CompletedTask;
            }
        );
        Assert.Equal(400, state.Events.After(0, 1000, null).Select(e => e.Found).Distinct().Count());
        Assert.Equal(new AuditVerdict(400, 0), state.Audit.Verify());
    }

    [Fact]
    public void The_oldest_events_go_first_and_ids_go_on()
    {
        using var scratch = new ScratchState();
        using var state = scratch.Open(eventsKept: 100);
        for (var i = 0; i < 1024; i++)
            state.Events.Append(Samples.Event($"{i}"));
        var left = state.Events.After(0, 2000, null);
        Assert.Equal(100, left.Count);
        Assert.Equal(1024, left[^1].Id);
        Assert.Equal("1023", left[^1].Found);
    }

    [Fact]
    public void The_tail_is_the_newest_oldest_first()
    {
        using var scratch = new ScratchState();
        using var state = scratch.Open();
        for (var i = 1; i <= 6; i++)
            state.Events.Append(Samples.Event($"{i}", i % 2 == 0 ? "even" : "odd"));
        Assert.Equal(["5", "6"], state.Events.Tail(2, null).Select(e => e.Found));
        Assert.Equal(["4", "6"], state.Events.Tail(2, "even").Select(e => e.Found));
        Assert.Equal(["3", "5"], state.Events.After(2, 2, "odd").Select(e => e.Found));
        Assert.Empty(state.Events.Tail(0, null));
        Assert.Equal(6, state.Events.LastId);
    }

    [Fact]
    public async Task A_follower_sees_every_event_once_while_others_append()
    {
        using var scratch = new ScratchState();
        using var state = scratch.Open();
        state.Events.Append(Samples.Event("before"));
        var ct = TestContext.Current.CancellationToken;
        var followers = Enumerable
            .Range(0, 3)
            .Select(async _ =>
            {
                var seen = new List<long>();
                await foreach (var e in state.Events.FollowAsync(0, null, ct))
                {
                    seen.Add(e.Id);
                    if (seen.Count == 601)
                        break;
                }
                return seen;
            })
            .ToList();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 600),
            ct,
            (i, _) =>
            {
                state.Events.Append(Samples.Event($"{i}"));
                return ValueTask.CompletedTask;
            }
        );
        foreach (var seen in await Task.WhenAll(followers))
            Assert.Equal(Enumerable.Range(1, 601).Select(i => (long)i), seen);
    }

    [Fact]
    public async Task A_follower_that_waits_ends_when_cancelled()
    {
        using var scratch = new ScratchState();
        using var state = scratch.Open();
        using var stop = new CancellationTokenSource();
        var follower = state.Events.FollowAsync(0, null, stop.Token).GetAsyncEnumerator(stop.Token);
        var next = follower.MoveNextAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
    }
}
