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
        Assert.InRange((await VolumeFiles.SizesAsync([Kept], Ct)).Single(), 1, 1024 * 1024);
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
