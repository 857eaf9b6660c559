using System.Diagnostics;
using Appliance.Agent.Updates;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What a volume holds is kept to the last bit, and put back by a rename that may be cut short.</summary>
public sealed class VolumeFilesTests : IAsyncDisposable
{
    private readonly ScratchFolder folder = new();
    private string Live => folder["engine/volumes/v/_data"];
    private string Kept => folder["engine/appliance-snapshots/p/op-1/v"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    // The runtime cannot remove all of what is in it.
    public async ValueTask DisposeAsync()
    {
        await VolumeFiles.RemoveAsync(folder["engine"], CancellationToken.None);
        folder.Dispose();
    }

    [Fact]
    public async Task A_copy_has_all_that_there_is()
    {
        await FillAsync();

        await VolumeFiles.CopyAsync([(Live, Kept)], Ct);

        Assert.Equal(await Rows.PictureAsync(Live), await Rows.PictureAsync(Kept));
        Assert.Equal(
            ["v"],
            Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(Kept)!).Select(Path.GetFileName)
        );
        Assert.InRange(Assert.Single(await VolumeFiles.SizesAsync([Kept], isInUse: false, Ct)), 1, 1024 * 1024);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_exchange_is_finished_wherever_it_was_cut_short(bool isCutShort)
    {
        await FillAsync();
        var old = await Rows.PictureAsync(Live);
        await VolumeFiles.CopyAsync([(Live, Kept)], Ct);
        await File.WriteAllTextAsync(Path.Combine(Live, "new"), "", Ct);
        var changed = await Rows.PictureAsync(Live);
        if (isCutShort)
            Directory.Move(Live, Kept + ".abandoned");

        Assert.True(VolumeFiles.Exchange(Live, Kept, Kept + ".abandoned"));
        Assert.True(VolumeFiles.Exchange(Live, Kept, Kept + ".abandoned"));

        Assert.Equal(old, await Rows.PictureAsync(Live));
        Assert.Equal(changed, await Rows.PictureAsync(Kept + ".abandoned"));
    }

    [Fact]
    public async Task Without_what_was_kept_nothing_is_done()
    {
        await FillAsync();
        var there = await Rows.PictureAsync(Live);

        Assert.False(VolumeFiles.Exchange(Live, Kept, Kept + ".abandoned"));

        Assert.Equal(there, await Rows.PictureAsync(Live));
    }

    [Fact]
    public async Task A_probe_leaves_nothing_behind()
    {
        await FillAsync();
        var shelf = VolumeFiles.ShelfOf(Live, "p");
        Assert.Equal(folder["engine/appliance-snapshots/p"], shelf);

        await VolumeFiles.ProbeAsync(shelf, [Live], Ct);

        Assert.Equal(
            ["_data"],
            Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(Live)!).Select(Path.GetFileName)
        );
        Assert.Equal(["op-1"], Directory.EnumerateFileSystemEntries(shelf).Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_cannot_be_renamed_is_refused_before_anything_is_copied()
    {
        await FillAsync();
        var shelf = VolumeFiles.ShelfOf(Live, "p");
        Directory.Move(Live, folder["elsewhere"]);
        Directory.CreateSymbolicLink(Live, folder["elsewhere"]);
        Assert.Contains(
            "is a link",
            (await Assert.ThrowsAsync<IOException>(() => VolumeFiles.ProbeAsync(shelf, [Live], Ct))).Message,
            StringComparison.Ordinal
        );

        File.Delete(Live);
        using (new SmallDisk(Live, kibibytes: 64))
            await MountIsRefusedAsync();
        using (new SmallDisk(Path.Combine(Live, "in it \\"), kibibytes: 64))
            await MountIsRefusedAsync();
        await VolumeFiles.ProbeAsync(shelf, [Live], Ct);
        await VolumeFiles.RemoveAsync(folder["elsewhere"], Ct);

        async Task MountIsRefusedAsync() =>
            Assert.Contains(
                "mounted at",
                (await Assert.ThrowsAsync<IOException>(() => VolumeFiles.ProbeAsync(shelf, [Live], Ct))).Message,
                StringComparison.Ordinal
            );
    }

    [Theory]
    [InlineData(0, "", true, true)]
    [InlineData(0, "", false, true)]
    [InlineData(
        1,
        "du: cannot access '/v/a': No such file or directory\ndu: cannot access '/v/b': No such file or directory\n",
        true,
        true
    )]
    [InlineData(1, "du: cannot access '/v/a': No such file or directory\n", false, false)]
    [InlineData(
        1,
        "du: cannot access '/v/a': No such file or directory\ndu: cannot read directory '/v/b': Permission denied\n",
        true,
        false
    )]
    [InlineData(2, "du: cannot access '/v/a': No such file or directory\n", true, false)]
    public void Files_may_come_and_go_while_a_folder_in_use_is_measured(
        int exit,
        string said,
        bool isInUse,
        bool isKnown
    )
    {
        var totals = VolumeFiles.TotalsOf(new(exit, "4096\t/v\n8192\t/w\n", said), count: 2, isInUse);
        Assert.Equal(isKnown ? [4096L, 8192L] : null, totals);
        // One of them was not there at all.
        Assert.Null(VolumeFiles.TotalsOf(new(exit, "4096\t/v\n", said), count: 2, isInUse));
    }

    private async Task FillAsync()
    {
        Directory.CreateDirectory(Live);
        Directory.CreateDirectory(Path.GetDirectoryName(Kept)!);
        using var fill = Process.Start(
            new ProcessStartInfo(
                "sh",
                [
                    "-c",
                    """
                    cd "$0" && echo row > rows && ln rows linked && ln -s ../nowhere dangling && mkfifo pipe
                    mkdir -p deep/er && chmod 2750 deep && chown 70:70 deep rows && chmod 600 rows
                    truncate -s 1M sparse && touch -d 2001-02-03T04:05:06.789Z sparse && printf x > "$(printf 'odd \377 name')"
                    """,
                    Live,
                ]
            )
        )!;
        await fill.WaitForExitAsync(Ct);
        Assert.Equal(0, fill.ExitCode);
    }
}
