using System.Text;
using Appliance.Tuf;
using static Tuf.Tests.Refusals;

namespace Tuf.Tests;

public sealed class OfflineVerificationTests : IDisposable
{
    private readonly Repository repository = new();

    public OfflineVerificationTests() => repository.Targets["demo/1.0.0.json"] = TargetFile.Of("one"u8);

    public void Dispose() => repository.Dispose();

    [Fact]
    public void A_bundle_of_the_pinned_signer_is_verified_and_gives_its_targets()
    {
        var set = repository.Sign();

        var verified = Verify(repository.Pinned, set);

        verified.Targets.Targets["demo/1.0.0.json"].Check("demo/1.0.0.json", "one"u8);
        Assert.Equal(Repository.Now.AddDays(400), verified.ExpiresAt);
        Assert.True(verified.State.Timestamp!.Value.Span.SequenceEqual(set.Timestamp.Span));
        Assert.True(verified.State.Snapshot!.Value.Span.SequenceEqual(set.Snapshot.Span));
        Assert.True(verified.State.Targets!.Value.Span.SequenceEqual(set.Targets.Span));
    }

    [Fact]
    public void The_same_bundle_is_verified_again_against_what_it_left()
    {
        var set = repository.Sign();

        Verify(Verify(repository.Pinned, set).State, set);
    }

    [Fact]
    public void A_bundle_of_another_signer_is_refused_as_another_root()
    {
        using var other = new Repository();

        var refusal = Refuses(TufFault.Forked, () => Verify(repository.Pinned, other.Sign()));

        Assert.Contains("metadata/1.root.json", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RoleNames.Timestamp)]
    [InlineData(RoleNames.Snapshot)]
    [InlineData(RoleNames.Targets)]
    public void A_role_signed_by_other_keys_than_the_roots_is_refused(string role)
    {
        repository.Rotate(role);

        Refuses(TufFault.Signature, () => Verify(repository.Pinned, repository.Sign()));
    }

    [Theory]
    [InlineData(RoleNames.Timestamp)]
    [InlineData(RoleNames.Snapshot)]
    [InlineData(RoleNames.Targets)]
    public void A_role_whose_time_is_over_is_refused_unless_that_is_accepted(string role)
    {
        repository.Expiries[role] = Repository.Now;
        var set = repository.Sign();

        var refusal = Refuses(TufFault.Expired, () => Verify(repository.Pinned, set));
        Assert.Contains($"{role}.json", refusal.File, StringComparison.Ordinal);

        var verified = OfflineVerification.Verify(repository.Pinned, set, Repository.Now, acceptExpired: true);
        Assert.Equal(Repository.Now, verified.ExpiresAt);
    }

    [Fact]
    public void The_newest_trusted_root_counts_for_expiry_not_the_older_ones()
    {
        repository.Root = repository.Root with { Expires = Repository.Now };
        repository.AddRoot();
        Refuses(TufFault.Expired, () => Verify(repository.Pinned, repository.Sign()));

        repository.Root = repository.Root with { Expires = Repository.Now.AddSeconds(1) };
        repository.AddRoot();
        Verify(repository.Pinned, repository.Sign());
    }

    [Theory]
    [InlineData(RoleNames.Timestamp)]
    [InlineData(RoleNames.Snapshot)]
    [InlineData(RoleNames.Targets)]
    public void A_lower_version_of_one_role_is_refused(string role)
    {
        repository.NextVersions();
        var trusted = Verify(repository.Pinned, repository.Sign()).State;
        repository.NextVersions();
        repository.Versions[role] = 1;

        Refuses(TufFault.Rollback, () => Verify(trusted, repository.Sign()));
    }

    [Fact]
    public void A_role_that_left_the_snapshot_is_refused()
    {
        repository.MoreInSnapshot["other.json"] = new(1, null, null);
        var trusted = Verify(repository.Pinned, repository.Sign()).State;
        repository.NextVersions();
        repository.MoreInSnapshot.Clear();

        Refuses(TufFault.Rollback, () => Verify(trusted, repository.Sign()));
    }

    [Fact]
    public void Other_content_under_a_known_version_means_two_signers()
    {
        var trusted = Verify(repository.Pinned, repository.Sign()).State;
        repository.Targets["demo/2.0.0.json"] = TargetFile.Of("two"u8);

        var refusal = Refuses(TufFault.Forked, () => Verify(trusted, repository.Sign()));

        Assert.Contains("two signers", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_targets_under_a_known_version_are_refused_below_newer_files_too()
    {
        var trusted = Verify(repository.Pinned, repository.Sign()).State;
        repository.Targets["demo/2.0.0.json"] = TargetFile.Of("two"u8);
        repository.Versions[RoleNames.Timestamp]++;
        repository.Versions[RoleNames.Snapshot]++;

        Refuses(TufFault.Forked, () => Verify(trusted, repository.Sign()));
    }

    [Fact]
    public void After_a_change_of_all_online_keys_versions_may_begin_anew()
    {
        repository.NextVersions();
        var trusted = Verify(repository.Pinned, repository.Sign()).State;
        foreach (var role in repository.Versions.Keys)
        {
            repository.Rotate(role);
            repository.Versions[role] = 1;
        }
        repository.AddRoot();

        var verified = Verify(trusted, repository.Sign());

        Assert.Equal(2, verified.State.Roots.Count);
    }

    [Fact]
    public void A_change_of_one_key_lets_only_that_role_begin_anew()
    {
        repository.NextVersions();
        var trusted = Verify(repository.Pinned, repository.Sign()).State;
        repository.Rotate(RoleNames.Timestamp);
        repository.AddRoot();
        repository.Versions[RoleNames.Timestamp] = 1;
        repository.Versions[RoleNames.Snapshot]++;
        Verify(trusted, repository.Sign());

        repository.Versions[RoleNames.Snapshot] = 1;
        Refuses(TufFault.Rollback, () => Verify(trusted, repository.Sign()));
    }

    [Fact]
    public void An_older_bundle_than_the_trusted_root_is_judged_by_the_trusted_root()
    {
        var older = repository.Sign();
        repository.Rotate(RoleNames.Targets);
        repository.AddRoot();
        var trusted = OfflineVerification.AddRoots(repository.Pinned, repository.Roots);

        Refuses(TufFault.Signature, () => Verify(trusted, older));
    }

    [Fact]
    public void Metadata_without_hash_or_length_below_it_is_refused()
    {
        var set = repository.Sign();
        var timestamp = MetadataWriter.Write(
            new TimestampMetadata(1, Repository.Now.AddDays(1), new(1, set.Snapshot.Length, null)),
            repository.KeysOf(RoleNames.Timestamp)
        );

        Refuses(TufFault.Malformed, () => Verify(repository.Pinned, set with { Timestamp = timestamp }));
    }

    [Fact]
    public void Files_of_two_moments_do_not_go_together()
    {
        var first = repository.Sign();
        repository.NextVersions();
        var second = repository.Sign();

        Refuses(TufFault.Mismatch, () => Verify(repository.Pinned, second with { Snapshot = first.Snapshot }));
        Refuses(TufFault.Mismatch, () => Verify(repository.Pinned, second with { Targets = first.Targets }));
    }

    [Fact]
    public void A_root_of_another_role_is_no_timestamp() =>
        Refuses(
            TufFault.Malformed,
            () => Verify(repository.Pinned, repository.Sign() with { Timestamp = repository.FirstRoot })
        );

    /// <summary>Every byte of every file, one at a time. There is no signature beyond those that are needed.</summary>
    [Fact]
    public void Any_changed_byte_is_refused()
    {
        repository.Rotate(RoleNames.Root);
        repository.AddRoot();
        var set = repository.Sign();
        var pinned = repository.Pinned;

        ChangeEach(set.Timestamp, bytes => Verify(pinned, set with { Timestamp = bytes }));
        ChangeEach(set.Snapshot, bytes => Verify(pinned, set with { Snapshot = bytes }));
        ChangeEach(set.Targets, bytes => Verify(pinned, set with { Targets = bytes }));
        ChangeEach(set.Roots[0], bytes => Verify(pinned, set with { Roots = [bytes, set.Roots[1]] }));
        ChangeEach(set.Roots[1], bytes => Verify(pinned, set with { Roots = [set.Roots[0], bytes] }));
    }

    [Fact]
    public void A_signature_beyond_those_that_are_needed_may_be_anything()
    {
        var set = repository.Sign();
        var text = Encoding.UTF8.GetString(set.Timestamp.Span);
        var more = text.Replace(
            "}],\"signed\"",
            "}, {\"sig\":\"?\", \"keyid\":\"nobody\"}],\"signed\"",
            StringComparison.Ordinal
        );
        Assert.NotEqual(text, more);

        Verify(repository.Pinned, set with { Timestamp = Encoding.UTF8.GetBytes(more) });
    }

    [Fact]
    public void Nothing_may_stand_around_or_between_what_is_signed()
    {
        var set = repository.Sign();
        var text = Encoding.UTF8.GetString(set.Timestamp.Span);
        string[] others =
        [
            text + "\n",
            " " + text,
            text.Replace(",\"signed\"", ", \"signed\"", StringComparison.Ordinal),
            text.Replace("\"version\":1", "\"version\": 1", StringComparison.Ordinal),
            text.Replace("{\"signatures\"", "{\"a\":1,\"signatures\"", StringComparison.Ordinal),
            text.Replace("timestamp", "\\u0074imestamp", StringComparison.Ordinal),
        ];

        foreach (var other in others)
        {
            Assert.NotEqual(text, other);
            Refuses(
                TufFault.Malformed,
                () => Verify(repository.Pinned, set with { Timestamp = Encoding.UTF8.GetBytes(other) })
            );
        }
    }

    private static VerifiedMetadata Verify(TrustedState trusted, MetadataSet set) =>
        OfflineVerification.Verify(trusted, set, Repository.Now, acceptExpired: false);

    private static void ChangeEach(ReadOnlyMemory<byte> file, Action<ReadOnlyMemory<byte>> verify)
    {
        for (var at = 0; at < file.Length; at++)
        {
            var changed = file.ToArray();
            changed[at] ^= 1;
            Assert.Throws<TufException>(() => verify(changed));
        }
    }
}
