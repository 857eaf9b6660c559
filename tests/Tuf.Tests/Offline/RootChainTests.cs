using Appliance.Tuf;
using static Tuf.Tests.Refusals;

namespace Tuf.Tests;

public sealed class RootChainTests : IDisposable
{
    private readonly Repository repository = new();

    public void Dispose() => repository.Dispose();

    [Fact]
    public void New_roots_are_followed_and_kept_in_order()
    {
        var pinned = repository.Pinned;
        repository.Rotate(RoleNames.Root);
        repository.AddRoot();
        repository.Rotate(RoleNames.Root);
        repository.AddRoot();

        var state = OfflineVerification.AddRoots(pinned, repository.Roots);

        Assert.Equal(repository.Roots, state.Roots);
        Assert.Equal(state.Roots, OfflineVerification.AddRoots(state, repository.Roots).Roots);
    }

    [Fact]
    public void A_later_root_may_be_pinned()
    {
        repository.AddRoot();
        repository.AddRoot();
        var pinned = OfflineVerification.Pin(repository.Roots[1]);

        var state = OfflineVerification.AddRoots(pinned, repository.Roots);

        Assert.Equal(repository.Roots[1..], state.Roots);
        Refuses(TufFault.Rollback, () => OfflineVerification.AddRoots(pinned, repository.Roots[..1]));
    }

    [Fact]
    public void Fewer_roots_than_are_trusted_leave_what_is_trusted()
    {
        repository.AddRoot();
        var state = OfflineVerification.AddRoots(repository.Pinned, repository.Roots);

        Assert.Equal(state.Roots, OfflineVerification.AddRoots(state, repository.Roots[..1]).Roots);
    }

    [Fact]
    public void A_root_that_the_old_keys_did_not_sign_is_refused()
    {
        repository.Rotate(RoleNames.Root);
        repository.AddRoot(signers: repository.KeysOf(RoleNames.Root));

        Refuses(TufFault.Signature, () => OfflineVerification.AddRoots(repository.Pinned, repository.Roots));
    }

    [Fact]
    public void A_root_that_its_own_keys_did_not_sign_is_refused()
    {
        var old = repository.KeysOf(RoleNames.Root);
        repository.Rotate(RoleNames.Root);
        repository.AddRoot(signers: old);

        Refuses(TufFault.Signature, () => OfflineVerification.AddRoots(repository.Pinned, repository.Roots));
    }

    [Fact]
    public void A_chain_that_skips_a_version_is_refused()
    {
        repository.AddRoot();
        repository.AddRoot();

        Refuses(
            TufFault.Mismatch,
            () => OfflineVerification.AddRoots(repository.Pinned, [repository.Roots[0], repository.Roots[2]])
        );
        Refuses(TufFault.Mismatch, () => OfflineVerification.AddRoots(repository.Pinned, repository.Roots[1..]));
        Refuses(TufFault.Malformed, () => OfflineVerification.AddRoots(repository.Pinned, []));
    }

    [Fact]
    public void Another_root_of_a_known_version_is_refused()
    {
        var root = repository.Root;
        repository.AddRoot();
        var state = OfflineVerification.AddRoots(repository.Pinned, repository.Roots);
        repository.Roots.RemoveAt(1);
        repository.Root = root with { Expires = root.Expires.AddDays(1) };
        repository.AddRoot();

        Refuses(TufFault.Forked, () => OfflineVerification.AddRoots(state, repository.Roots));
    }

    [Fact]
    public void The_same_root_with_other_signatures_is_the_same_root()
    {
        var again = MetadataWriter.Write(repository.Root, repository.KeysOf(RoleNames.Root));
        Assert.False(again.Span.SequenceEqual(repository.FirstRoot.Span));

        var state = OfflineVerification.AddRoots(repository.Pinned, [again]);

        Assert.True(state.Roots[0].Span.SequenceEqual(repository.FirstRoot.Span));
    }

    [Fact]
    public void A_threshold_counts_different_keys()
    {
        var first = repository.KeysOf(RoleNames.Root)[0];
        repository.Threshold = 2;
        repository.Rotate(RoleNames.Root, count: 3);
        var (a, b) = (repository.KeysOf(RoleNames.Root)[0], repository.KeysOf(RoleNames.Root)[1]);

        repository.AddRoot(signers: [first, a]);
        Refuses(TufFault.Signature, () => OfflineVerification.AddRoots(repository.Pinned, repository.Roots));

        repository.Roots.RemoveAt(1);
        repository.AddRoot(signers: [first, a, b]);
        OfflineVerification.AddRoots(repository.Pinned, repository.Roots);
    }

    [Fact]
    public void A_pinned_root_must_be_signed_by_its_own_keys()
    {
        using var stranger = SigningKey.Generate();

        Refuses(TufFault.Signature, () => OfflineVerification.Pin(MetadataWriter.Write(repository.Root, [stranger])));
        Refuses(TufFault.Malformed, () => OfflineVerification.Pin("{}"u8.ToArray()));
    }
}
