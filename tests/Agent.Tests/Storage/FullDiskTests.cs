using Appliance.Agent.Storage;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Storage;

/// <summary>On a file system of 512 KiB of its own.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly SmallDisk disk;

    public FullDiskTests() => disk = new SmallDisk(folder["disk"], 512);

    public void Dispose()
    {
        disk.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void On_a_full_disk_promises_are_refused_and_the_rest_goes_on_until_there_is_space()
    {
        var scratch = new ScratchState(Path.Combine(disk.Path, "state"));
        using var state = scratch.Open();
        var now = scratch.Clock.GetUtcNow();
        state.Wishes.Stop("web", "uid:0 (root)", "before");
        var last = state.Events.Append(Samples.Event("before"));
        disk.Fill();

        // SQLite may still have room in its preallocated pages.
        while (state.Events.Append(Samples.Event(new string('x', 2000))) is var id and not 0)
            last = id;
        Assert.Throws<StorageFullException>(() => state.Wishes.Stop("db", "uid:0 (root)", new string('x', 9000)));
        Assert.Null(state.Wishes.Of("db"));
        Assert.NotNull(state.Wishes.Of("web"));
        Assert.Throws<StorageFullException>(() => state.Audit.Append(Samples.Audit(new string('x', 9000))));
        Assert.False(state.Restarts.Put(new RestartRecord("web/1", 7, 7, now, now, new string('x', 9000))));
        Assert.Equal(7, state.Restarts.Of("web/1")?.Count);
        Assert.Equal(last, state.Events.LastId);

        disk.Free();
        var first = state.Events.Append(Samples.Event("after"));
        Assert.Equal(
            ["storage.recovered", "container.restarted"],
            state.Events.After(last, 10, null).Select(e => e.Kind)
        );
        Assert.Equal(first, state.Events.LastId);
        state.Wishes.Stop("db", "uid:0 (root)", "after");
        Assert.True(state.Restarts.Put(new RestartRecord("db/1", 1, 1, now, now, "")));
        state.Audit.Append(Samples.Audit());
        state.Dispose();

        using var again = scratch.Open();
        Assert.Equal(7, again.Restarts.Of("web/1")?.Count);
        Assert.True(again.Audit.Verify().Intact);
        Assert.NotNull(again.Wishes.Of("db"));
    }

    [Fact]
    public void An_agent_that_starts_on_a_full_disk_still_knows_what_people_wished()
    {
        var scratch = new ScratchState(Path.Combine(disk.Path, "state"));
        using (var before = scratch.Open())
            before.Wishes.Stop("web", "uid:0 (root)", "maintenance");
        disk.Fill();

        using var state = scratch.Open();
        Assert.Null(state.Database.NotDurableBecause);
        Assert.Equal("maintenance", state.Wishes.Of("web")?.Reason);
        while (state.Events.Append(Samples.Event(new string('x', 2000))) != 0) { }
    }

    [Fact]
    public void An_agent_whose_first_start_meets_a_full_disk_starts()
    {
        disk.Fill();
        var scratch = new ScratchState(Path.Combine(disk.Path, "state"));
        using var state = scratch.Open();
        Assert.NotNull(state.Database.NotDurableBecause);
        Assert.Equal(1, state.Events.Append(Samples.Event("kept in memory")));
        var now = scratch.Clock.GetUtcNow();
        Assert.False(state.Restarts.Put(new RestartRecord("web/1", 1, 1, now, now, "")));
    }

    [Fact]
    public void A_damaged_file_is_set_aside_only_once_there_is_room_for_another()
    {
        var scratch = new ScratchState(Path.Combine(disk.Path, "state"));
        Directory.CreateDirectory(scratch.Folder);
        var damaged = string.Concat(Enumerable.Repeat("this is no database ", 20));
        File.WriteAllText(scratch.File, damaged);
        disk.Fill();

        // As often as it is started.
        for (var start = 0; start < 2; start++)
        {
            using var full = scratch.Open();
            Assert.Null(full.Database.Replaced);
            Assert.NotNull(full.Database.NotDurableBecause);
            Assert.False(full.Database.CanBeOpened());
            Assert.Equal(damaged, File.ReadAllText(scratch.File));
        }

        disk.Free();
        using var state = scratch.Open();
        Assert.Equal(damaged, File.ReadAllText(state.Database.Replaced!.MovedTo));
    }
}
