using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Bundles.Packaging;
using Appliance.Tuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Running;

/// <summary>
/// Leaves the state that a committed installation leaves, without running one: what a test is about may be a release that
/// no installation would let pass.
/// </summary>
internal static class Installed
{
    public static async Task PutAsync(string data, string root, string bundle, CancellationToken ct)
    {
        var options = Options.Create(new StorageOptions { DataDirectory = data });
        using var database = new Database(options, TimeProvider.System, NullLogger<Database>.Instance);
        using var store = new ContentStore(options, NullLogger<ContentStore>.Instance);
        await using var file = File.OpenRead(bundle);
        var received = await ReceivedBundle.OpenAsync(file, ct);
        var trusted = OfflineVerification.Pin(await File.ReadAllBytesAsync(root, ct));
        var verified = received.Verify(trusted, DateTimeOffset.UnixEpoch, acceptExpired: false);
        var content = await verified.ReadReleaseAsync(store, bytesRead: null, ct);
        await store.FlushAsync(ct);

        new TrustTable(database).KeepRoots(trusted.Roots, firstVersion: 1);
        var journal = new UpdateJournal(database, TimeProvider.System);
        var descriptor = content.Descriptor;
        var operation = journal.Begin(
            new Operation(
                0,
                OperationKind.Install,
                OperationState.Running,
                Phase.Verified,
                descriptor.Product,
                journal.Current?.Digest,
                "",
                descriptor.Index.Digest,
                descriptor.Version.Text,
                "a test",
                DateTimeOffset.UnixEpoch,
                null,
                "verified",
                "",
                "",
                null,
                0
            ),
            new KnownRelease(descriptor.Index.Digest, descriptor.ToBytes()),
            new PendingTrust(received.Metadata.Timestamp, received.Metadata.Snapshot, received.Metadata.Targets)
        );
        journal.Commit(operation, "committed");
        journal.End(operation.Id, OperationState.Done, Phase.Pruned, "installed", "", "");
    }
}
