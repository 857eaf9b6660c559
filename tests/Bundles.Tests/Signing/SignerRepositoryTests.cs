using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Testing;
using Appliance.Tuf;

namespace Bundles.Tests.Signing;

public sealed class SignerRepositoryTests(PreparedSigner prepared) : IClassFixture<PreparedSigner>, IDisposable
{
    private const string Passphrase = PreparedSigner.Passphrase;
    private static readonly DateTimeOffset Now = PreparedSigner.Now;

    private readonly ScratchFolder scratch = new();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    private string Folder => scratch["signer"];

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task What_it_signs_is_verified_by_who_has_pinned_its_first_root()
    {
        var repository = await PreparedAsync();

        var release = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);

        var verified = Verify(
            OfflineVerification.Pin(await File.ReadAllBytesAsync(repository.PinnedRootFile, stop)),
            release
        );
        verified.Targets.Targets["demo/1.0.0.json"].Check("demo/1.0.0.json", release.DescriptorBytes.Span);
        Assert.Equal(Release("1.0.0"), ReleaseDescriptor.Parse(release.DescriptorBytes));
        Assert.Equal(Now.AddDays(400), verified.ExpiresAt);
    }

    [Fact]
    public async Task Each_release_has_higher_versions_and_names_all_before_it()
    {
        var repository = await PreparedAsync();
        var first = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        // A repository is opened anew by each command.
        repository = await SignerRepository.OpenAsync(Folder, stop);
        var second = await repository.AddReleaseAsync(Release("2.0.0"), Passphrase, Now, stop);

        var trusted = Verify(OfflineVerification.Pin(first.Metadata.Roots[0]), first).State;
        var verified = Verify(trusted, second);

        Assert.Equal(["demo/1.0.0.json", "demo/2.0.0.json"], verified.Targets.Targets.Keys.Order());
        Assert.Equal(2, verified.Targets.Version);
        var refusal = Assert.Throws<TufException>(() => Verify(verified.State, first));
        Assert.Equal(TufFault.Rollback, refusal.Fault);
    }

    [Fact]
    public async Task A_release_that_was_signed_is_given_out_again_without_a_new_version()
    {
        var repository = await PreparedAsync();
        var first = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);

        var later = Release("1.0.0") with { SignedAt = Now.AddDays(1) };
        var second = await repository.AddReleaseAsync(later, Passphrase, Now.AddDays(1), stop);

        Assert.True(first.Metadata.Timestamp.Span.SequenceEqual(second.Metadata.Timestamp.Span));
        Assert.True(first.DescriptorBytes.Span.SequenceEqual(second.DescriptorBytes.Span));
    }

    [Fact]
    public async Task A_release_whose_metadata_has_expired_is_signed_anew()
    {
        var repository = await PreparedAsync();
        var first = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);

        var second = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now.AddDays(400), stop);

        Assert.True(first.DescriptorBytes.Span.SequenceEqual(second.DescriptorBytes.Span));
        Assert.Equal(2, UnverifiedMetadata.Timestamp("timestamp.json", second.Metadata.Timestamp).Version);
    }

    [Fact]
    public async Task A_version_cannot_be_signed_with_another_index()
    {
        var repository = await PreparedAsync();
        await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);

        var refusal = await Assert.ThrowsAsync<RefusedException>(() =>
            repository.AddReleaseAsync(Release("1.0.0", 'b'), Passphrase, Now, stop)
        );

        Assert.Contains("give this one a new version", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_release_of_another_product_is_refused()
    {
        var repository = await PreparedAsync();

        await Assert.ThrowsAsync<RefusedException>(() =>
            repository.AddReleaseAsync(Release("1.0.0") with { Product = "other" }, Passphrase, Now, stop)
        );
    }

    [Fact]
    public async Task Keys_are_encrypted_and_their_owners_alone()
    {
        await SignerRepository.CreateAsync(Folder, new("demo"), Passphrase, Now, stop);

        var keys = Directory.GetFiles(Path.Combine(Folder, "keys"), "*.pem");
        Assert.Equal(4, keys.Length);
        foreach (var key in keys)
        {
            Assert.StartsWith(
                "-----BEGIN ENCRYPTED PRIVATE KEY-----",
                await File.ReadAllTextAsync(key, stop),
                StringComparison.Ordinal
            );
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
        }
        if (!OperatingSystem.IsWindows())
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(Path.Combine(Folder, "keys"))
            );
    }

    [Fact]
    public async Task A_wrong_passphrase_signs_nothing_and_changes_nothing_that_is_given_out()
    {
        var repository = await PreparedAsync();

        var refusal = await Assert.ThrowsAsync<TufException>(() =>
            repository.AddReleaseAsync(Release("1.0.0"), "something else altogether", Now, stop)
        );

        Assert.Equal(TufFault.Locked, refusal.Fault);
        Assert.Contains("passphrase is wrong", refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Folder, "metadata", "timestamp.json")));
    }

    [Fact]
    public async Task A_folder_that_is_one_already_or_not_empty_is_left_alone()
    {
        await PreparedAsync();
        var refusal = await Assert.ThrowsAsync<RefusedException>(() =>
            SignerRepository.CreateAsync(Folder, new("demo"), Passphrase, Now, stop)
        );
        Assert.Contains("already", refusal.Message, StringComparison.Ordinal);

        Directory.CreateDirectory(scratch["full"]);
        await File.WriteAllTextAsync(scratch["full/file"], "", stop);
        await Assert.ThrowsAsync<RefusedException>(() =>
            SignerRepository.CreateAsync(scratch["full"], new("demo"), Passphrase, Now, stop)
        );
        await Assert.ThrowsAsync<RefusedException>(() => SignerRepository.OpenAsync(scratch["full"], stop));
    }

    [Theory]
    [InlineData("Demo", 1, 1)]
    [InlineData("demo", 0, 1)]
    [InlineData("demo", 17, 1)]
    [InlineData("demo", 2, 3)]
    [InlineData("demo", 2, 0)]
    public async Task Settings_that_cannot_be_are_refused_before_anything_is_made(
        string product,
        int keys,
        int threshold
    )
    {
        await Assert.ThrowsAsync<RefusedException>(() =>
            SignerRepository.CreateAsync(
                Folder,
                new(product) { RootKeys = keys, RootThreshold = threshold },
                Passphrase,
                Now,
                stop
            )
        );
        Assert.False(Directory.Exists(Folder));
    }

    /// <summary>Killed after each file that is written before the timestamp.</summary>
    [Theory]
    [InlineData("metadata/2.targets.json")]
    [InlineData("metadata/2.snapshot.json")]
    [InlineData("metadata/.2.targets.json.part")]
    [InlineData("metadata/.timestamp.json.part")]
    public async Task What_a_killed_command_left_is_neither_used_nor_reused(string left)
    {
        var repository = await PreparedAsync();
        var first = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        await File.WriteAllTextAsync(Path.Combine(Folder, left), "half of a fi", stop);

        var again = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        var second = await repository.AddReleaseAsync(Release("2.0.0"), Passphrase, Now, stop);

        Assert.True(first.Metadata.Timestamp.Span.SequenceEqual(again.Metadata.Timestamp.Span));
        var trusted = Verify(OfflineVerification.Pin(first.Metadata.Roots[0]), first).State;
        var verified = Verify(trusted, second);
        Assert.Equal(left.EndsWith("/2.targets.json", StringComparison.Ordinal) ? 3 : 2, verified.Targets.Version);
    }

    [Fact]
    public async Task Two_commands_at_a_time_are_kept_apart()
    {
        var repository = await PreparedAsync();
        await using var other = new FileStream(
            Path.Combine(Folder, ".lock"),
            FileMode.OpenOrCreate,
            FileAccess.ReadWrite,
            FileShare.None
        );

        var refusal = await Assert.ThrowsAsync<RefusedException>(() =>
            repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop)
        );

        Assert.Contains("another command", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metadata_that_somebody_changed_in_the_folder_is_not_built_on()
    {
        var repository = await PreparedAsync();
        await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        var file = Path.Combine(Folder, "metadata", "1.targets.json");
        var text = await File.ReadAllTextAsync(file, stop);
        await File.WriteAllTextAsync(file, text.Replace("1.0.0", "9.0.0", StringComparison.Ordinal), stop);

        await Assert.ThrowsAsync<TufException>(() =>
            repository.AddReleaseAsync(Release("2.0.0"), Passphrase, Now, stop)
        );
    }

    /// <summary>A root of somebody's own, that names the real release keys: all that was signed verifies under it.</summary>
    [Fact]
    public async Task Nothing_is_signed_when_somebody_replaced_the_first_root()
    {
        var repository = await PreparedAsync();
        await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        using var own = SigningKey.Generate();
        var root = UnverifiedMetadata.Root("root", await File.ReadAllBytesAsync(repository.PinnedRootFile, stop));
        foreach (var version in (long[])[1, 2])
        {
            var forged = root with
            {
                Version = version,
                Keys = new Dictionary<string, Key>(root.Keys) { [own.KeyId] = own.Public },
                Roles = new Dictionary<string, RoleKeys>(root.Roles) { [RoleNames.Root] = new([own.KeyId], 1) },
            };
            var file = Path.Combine(Folder, "metadata", $"{version}.root.json");
            await File.WriteAllBytesAsync(file, MetadataWriter.Write(forged, [own]), stop);
        }

        foreach (
            var attempt in (Func<Task>[])
                [
                    () => repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop),
                    () => repository.AddReleaseAsync(Release("2.0.0"), Passphrase, Now, stop),
                    () => repository.RotateRootAsync(new() { NewReleaseKeys = true }, Passphrase, Now, stop),
                ]
        )
        {
            var refusal = await Assert.ThrowsAsync<RefusedException>(attempt);
            Assert.Contains("somebody replaced it", refusal.Message, StringComparison.Ordinal);
        }
        Assert.False(File.Exists(Path.Combine(Folder, "metadata", "2.targets.json")));
    }

    [Theory]
    [InlineData("keys/pinned-root.seal")]
    [InlineData("metadata/timestamp.json")]
    [InlineData("metadata/1.root.json")]
    [InlineData("metadata/2.root.json")]
    [InlineData("metadata/1.snapshot.json")]
    [InlineData("metadata/1.targets.json")]
    public async Task A_file_that_is_missing_is_no_empty_history(string missing)
    {
        var repository = await PreparedAsync();
        await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        await repository.RotateRootAsync(new(), Passphrase, Now, stop);
        await repository.RotateRootAsync(new(), Passphrase, Now, stop);
        File.Delete(Path.Combine(Folder, missing));

        var refusal = await Assert.ThrowsAsync<RefusedException>(() =>
            repository.AddReleaseAsync(Release("2.0.0"), Passphrase, Now, stop)
        );

        Assert.Contains($"{missing} is missing", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("from a backup", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_of_a_later_program_are_refused()
    {
        await PreparedAsync();
        var file = Path.Combine(Folder, "repository.json");
        var text = await File.ReadAllTextAsync(file, stop);
        await File.WriteAllTextAsync(
            file,
            text.Replace("\"schema-version\": 1", "\"schema-version\": 2", StringComparison.Ordinal),
            stop
        );

        var refusal = await Assert.ThrowsAsync<RefusedException>(() => SignerRepository.OpenAsync(Folder, stop));

        Assert.Contains("schema-version is 2", refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Killed after the metadata was given out, and before the root that asks for its new signatures.</summary>
    [Fact]
    public async Task A_rotation_that_was_cut_short_can_be_done_again()
    {
        var repository = await PreparedAsync();
        var first = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        await repository.RotateRootAsync(new() { NewReleaseKeys = true }, Passphrase, Now, stop);
        File.Delete(repository.PinnedRootFile.Replace("1.root", "2.root", StringComparison.Ordinal));

        await repository.RotateRootAsync(new() { NewReleaseKeys = true }, Passphrase, Now, stop);

        var second = await repository.AddReleaseAsync(Release("2.0.0"), Passphrase, Now, stop);
        Verify(Verify(OfflineVerification.Pin(first.Metadata.Roots[0]), first).State, second);
    }

    [Fact]
    public async Task New_root_and_release_keys_are_followed_by_who_has_pinned_the_first_root()
    {
        var repository = await PreparedAsync();
        var first = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        var trusted = Verify(OfflineVerification.Pin(first.Metadata.Roots[0]), first).State;

        await repository.RotateRootAsync(
            new()
            {
                NewRootKeys = 3,
                RootThreshold = 2,
                NewReleaseKeys = true,
            },
            Passphrase,
            Now,
            stop
        );
        await repository.RotateRootAsync(new() { NewRootKeys = 1 }, Passphrase, Now, stop);

        // What was given out is signed anew with the new keys, by higher versions.
        var again = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        Assert.Equal(3, again.Metadata.Roots.Count);
        var verified = Verify(trusted, again);
        Assert.Equal(2, verified.Targets.Version);
        Assert.True(first.DescriptorBytes.Span.SequenceEqual(again.DescriptorBytes.Span));
        Verify(verified.State, await repository.AddReleaseAsync(Release("2.0.0"), Passphrase, Now, stop));
    }

    [Fact]
    public async Task A_root_needs_as_many_of_its_keys_as_its_threshold()
    {
        var repository = await SignerRepository.CreateAsync(
            Folder,
            new("demo") { RootKeys = 3, RootThreshold = 2 },
            Passphrase,
            Now,
            stop
        );
        var keys = Directory.GetFiles(Path.Combine(Folder, "keys"), "root.*");
        File.Delete(keys[0]);
        await repository.RotateRootAsync(new(), Passphrase, Now, stop);

        File.Delete(keys[1]);
        var refusal = await Assert.ThrowsAsync<RefusedException>(() =>
            repository.RotateRootAsync(new(), Passphrase, Now, stop)
        );
        Assert.Contains(Path.GetFileName(keys[1]), refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_signed_under_a_root_that_has_expired_until_the_next_one_is_made()
    {
        var repository = await PreparedAsync();
        var later = Now.AddDays(3650);

        var refusal = await Assert.ThrowsAsync<RefusedException>(() =>
            repository.AddReleaseAsync(Release("1.0.0"), Passphrase, later, stop)
        );
        Assert.Contains("root 1", refusal.Message, StringComparison.Ordinal);

        await repository.RotateRootAsync(new(), Passphrase, later, stop);
        await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, later, stop);
    }

    [Fact]
    public async Task The_same_releases_give_the_same_signed_content()
    {
        var repository = await PreparedAsync();
        var first = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);
        File.Delete(Path.Combine(Folder, "metadata", "timestamp.json"));
        File.Delete(Path.Combine(Folder, "metadata", "1.snapshot.json"));
        File.Delete(Path.Combine(Folder, "metadata", "1.targets.json"));

        var second = await repository.AddReleaseAsync(Release("1.0.0"), Passphrase, Now, stop);

        Assert.Equal(SignedOf(first.Metadata.Targets), SignedOf(second.Metadata.Targets));
        Assert.False(first.Metadata.Targets.Span.SequenceEqual(second.Metadata.Targets.Span));
    }

    private static string SignedOf(ReadOnlyMemory<byte> file) =>
        System.Text.Encoding.UTF8.GetString(file.Span).Split("\"signed\":")[1];

    private Task<SignerRepository> PreparedAsync()
    {
        prepared.CopyTo(Folder);
        return SignerRepository.OpenAsync(Folder, stop);
    }

    private static VerifiedMetadata Verify(TrustedState trusted, SignedRelease release) =>
        OfflineVerification.Verify(trusted, release.Metadata, Now, acceptExpired: false);

    private static ReleaseDescriptor Release(string version, char digit = 'a') =>
        new("demo", SemanticVersion.TryParse(version)!, new($"sha256:{new string(digit, 64)}", 1000), Now);
}
