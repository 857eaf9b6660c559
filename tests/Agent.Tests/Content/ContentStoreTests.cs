using System.Diagnostics;
using Appliance.Agent.Content;
using Appliance.Bundles.Releases;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Content;

public sealed class ContentStoreTests : IDisposable
{
    private readonly ScratchContent content = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => content.Dispose();

    [Fact]
    public async Task A_blob_that_was_taken_in_is_there_whole_and_for_its_owner_alone()
    {
        var blob = await content.StoreAsync("hello");

        Assert.True(content.Store.Contains(blob));
        await using var stream = content.Store.OpenRead(blob);
        Assert.Equal("hello", await new StreamReader(stream).ReadToEndAsync(Ct));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(content.PathOf(blob)));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(Path.GetDirectoryName(content.PathOf(blob))!)
        );
    }

    [Fact]
    public async Task A_blob_that_is_there_is_not_taken_in_again()
    {
        var blob = await content.StoreAsync("hello");
        Assert.Null(await content.Store.OpenAsync(blob, Ct));
    }

    [Fact]
    public async Task A_blob_that_was_cut_off_is_taken_in_again()
    {
        var blob = await content.StoreAsync("hello");
        await File.WriteAllTextAsync(content.PathOf(blob), "hel", Ct);

        Assert.False(content.Store.Contains(blob));
        Assert.Contains("has 3 bytes", Assert.Throws<IOException>(() => content.Store.OpenRead(blob)).Message);
        await content.StoreAsync("hello");
        Assert.True(content.Store.Contains(blob));
    }

    [Fact]
    public async Task What_the_runtime_says_of_a_full_disk_counts_whatever_is_free_by_then()
    {
        using var folder = new ScratchFolder();
        using var disk = new SmallDisk(folder["disk"], kibibytes: 512);
        using var small = new ScratchContent(disk.Path);
        await small.StoreAsync("which makes the folders");
        disk.Fill();

        var of = Assert.Throws<IOException>(() =>
            File.OpenHandle(folder["disk/file"], FileMode.CreateNew, FileAccess.ReadWrite, preallocationSize: 1)
                .Dispose()
        );

        Assert.True(ContentFullException.IsReasonForNoFile(of));
        Assert.False(ContentFullException.IsReasonForNoFile(new FileNotFoundException()));
        await Assert.ThrowsAsync<ContentFullException>(async () =>
            await small.Store.OpenAsync(ScratchContent.BlobOf([1]), Ct)
        );
    }

    [Fact]
    public async Task A_blob_that_is_given_up_leaves_nothing_behind()
    {
        var blob = ScratchContent.BlobOf([1, 2, 3]);
        await using (var writer = await content.Store.OpenAsync(blob, Ct))
            await writer!.WriteAsync(new byte[] { 1, 2 }, Ct);

        Assert.False(content.Store.Contains(blob));
        Assert.Empty(Directory.GetFiles(Path.Combine(content.Folder, "content"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_blob_of_another_size_is_never_complete()
    {
        await using var writer = await content.Store.OpenAsync(ScratchContent.BlobOf([1, 2, 3]), Ct);
        await writer!.WriteAsync(new byte[] { 1, 2 }, Ct);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.CompleteAsync(Ct));
    }

    [Fact]
    public async Task What_an_agent_that_was_killed_had_begun_is_removed_by_the_next()
    {
        var blob = await content.StoreAsync("hello");
        var leftover = Path.Combine(content.Folder, "content/incoming/abc");
        await File.WriteAllTextAsync(leftover, "half", Ct);

        using var next = content.Open();
        Assert.False(File.Exists(leftover));
        Assert.True(next.Contains(blob));
    }

    [Fact]
    public async Task Only_what_is_kept_stays()
    {
        var (kept, gone) = (await content.StoreAsync("kept"), await content.StoreAsync("gone"));

        Assert.Equal(4, await content.Store.CollectAsync(new HashSet<string> { kept.Digest }, Ct));
        Assert.True(content.Store.Contains(kept));
        Assert.False(content.Store.Contains(gone));
        var e = Assert.Throws<FileNotFoundException>(() => content.Store.OpenRead(gone));
        Assert.Contains(gone.Digest, e.Message);
    }

    [Theory]
    [InlineData("sha256:../../../../etc/passwd")]
    [InlineData("sha256:ABC")]
    [InlineData("")]
    public void What_is_no_digest_is_no_path(string digest) =>
        Assert.Throws<ArgumentException>(() => content.Store.Contains(new Blob(digest, 1)));

    [Fact]
    public async Task When_one_cannot_be_kept_all_others_have_come_to_rest_before_that_is_told()
    {
        var failing = ScratchContent.BlobOf([1, 2, 3]);
        // Nothing is renamed onto a folder.
        Directory.CreateDirectory(content.PathOf(failing));
        await WriteAsync(failing, [1, 2, 3], times: 1);
        for (byte n = 1; n <= 3; n++)
        {
            var chunk = new byte[1 << 20];
            chunk[0] = n;
            await WriteAsync(new Blob(ScratchContent.BlobOf(chunk).Digest, 48L << 20), chunk, times: 48);
        }

        await Assert.ThrowsAnyAsync<IOException>(() => content.Store.FlushAsync(Ct));

        Assert.Empty(Directory.GetFiles(Path.Combine(content.Folder, "content/incoming")));
        await content.Store.CollectAsync(new HashSet<string>(), Ct);
        Assert.Empty(Directory.GetFiles(Path.Combine(content.Folder, "content/blobs/sha256")));
    }

    private async Task WriteAsync(Blob blob, byte[] chunk, int times)
    {
        await using var writer = await content.Store.OpenAsync(blob, Ct);
        for (var i = 0; i < times; i++)
            await writer!.WriteAsync(chunk, Ct);
        await writer!.CompleteAsync(Ct);
    }

    [Fact]
    public async Task Many_blobs_settle_beside_each_other()
    {
        var chunk = new byte[128 * 1024];
        for (byte n = 0; n < 20; n++)
        {
            chunk[0] = n;
            var blob = new Blob(ScratchContent.BlobOf(chunk).Digest, 64L * chunk.Length);
            await using var writer = await content.Store.OpenAsync(blob, Ct);
            for (var i = 0; i < 64; i++)
                await writer!.WriteAsync(chunk, Ct);
            await writer!.CompleteAsync(Ct);
        }
        await content.Store.FlushAsync(Ct);

        Assert.Equal(20, Directory.GetFiles(Path.Combine(content.Folder, "content/blobs/sha256")).Length);
        Assert.Empty(Directory.GetFiles(Path.Combine(content.Folder, "content/incoming")));
    }
}

/// <summary>On a file system of 1 MiB of its own.</summary>
public sealed class FullContentTests : IDisposable
{
    private readonly string mount = Directory.CreateTempSubdirectory("agent-full-").FullName;

    public FullContentTests() => Run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Run("umount", mount);
        Directory.Delete(mount);
    }

    [Fact]
    public async Task A_blob_that_does_not_fit_is_refused_before_its_first_byte_and_others_still_fit()
    {
        using var content = new ScratchContent(mount);
        var big = new Blob(ScratchContent.BlobOf([1]).Digest, 2 * 1024 * 1024);

        var full = await Assert.ThrowsAsync<ContentFullException>(async () => await content.Store.OpenAsync(big, Ct));
        Assert.Equal(big.Size, full.NeededBytes);
        Assert.InRange(full.FreeBytes, 500_000, 1024 * 1024);
        Assert.Contains(Path.Combine(mount, "content"), full.Message);
        Assert.Empty(Directory.GetFiles(mount, "*", SearchOption.AllDirectories));

        Assert.True(content.Store.Contains(await content.StoreAsync(new byte[600_000])));
    }

    [Fact]
    public async Task Space_that_a_blob_was_promised_is_not_taken_by_others()
    {
        using var content = new ScratchContent(mount);
        var blob = ScratchContent.BlobOf(new byte[600_000]);
        await using (var writer = await content.Store.OpenAsync(blob, Ct))
        {
            // Its space is set aside: what others write does not take it away.
            await Assert.ThrowsAsync<IOException>(() =>
                File.WriteAllBytesAsync(mount + "/filler", new byte[900_000], Ct)
            );
            await writer!.WriteAsync(new byte[600_000], Ct);
            await writer.CompleteAsync(Ct);
        }
        await content.Store.FlushAsync(Ct);
        Assert.True(content.Store.Contains(blob));
        Assert.Equal(0, content.Store.FreeBytes);

        await Assert.ThrowsAsync<ContentFullException>(async () => await content.StoreAsync(new byte[5000]));
        Assert.Empty(Directory.GetFiles(Path.Combine(mount, "content/incoming")));
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} failed (this test needs root): {error}");
    }
}
