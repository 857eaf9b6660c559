using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Trust;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>Takes a bundle in: verified as it arrives, stored by digest, and refused without a trace.</summary>
internal sealed class Staging(
    ReleaseTrust trust,
    ContentStore store,
    KnownReleases releases,
    DeltaLayers deltas,
    UpdateJournal journal
)
{
    /// <param name="isRepair">What is stored of the installed release is not whole.</param>
    /// <param name="admitted">Called when it is known which release it is, before anything of it is stored.</param>
    /// <exception cref="RefusedException">It is not what it must be, or not what may be installed here.</exception>
    /// <exception cref="ContentFullException">There is no room for it.</exception>
    /// <exception cref="IOException">It cannot be read, or stored.</exception>
    public async Task<Staged> TakeInAsync(
        Stream bundle,
        bool acceptExpired,
        bool isRepair,
        Func<ReleaseDescriptor, Task> admitted,
        CancellationToken ct
    )
    {
        var sink = new CountingSink(store);
        var received = await ReceivedBundle.OpenAsync(bundle, ct);
        var verified = await trust.VerifyAsync(received, acceptExpired, isRepair, ct);
        await admitted(verified.Descriptor);
        var held = verified.Deltas is null ? [] : await HeldAsync(ct);
        if (verified.Deltas is { } needed)
            deltas.Demand(verified.Descriptor, needed, held);
        var moved = new LastReport();
        var content = await verified.ReadReleaseAsync(sink, moved, ct);
        await store.FlushAsync(ct);
        if (verified.Deltas is { } sent)
            await deltas.ApplyAsync(sent, content, held, sink, ct);
        await store.FlushAsync(ct);
        var release = await releases.OpenAsync(content, ct);
        return new Staged(
            new KnownRelease(content.Descriptor.Index.Digest, verified.Descriptor.ToBytes().ToArray()),
            content,
            release,
            new PendingTrust(received.Metadata.Timestamp, received.Metadata.Snapshot, received.Metadata.Targets),
            verified.ExpiresAt,
            acceptExpired,
            moved.Value,
            sink.Stored
        );
    }

    /// <summary>The releases whose layers are kept here, and can be made into others.</summary>
    private async Task<IReadOnlyList<ReleaseContent>> HeldAsync(CancellationToken ct)
    {
        var held = new List<ReleaseContent>();
        foreach (var known in (KnownRelease?[])[journal.Current, journal.Previous])
        {
            try
            {
                if (known is not null)
                    held.Add(await releases.ReadAsync(known, ct));
            }
            // What cannot be read lends nothing.
            catch (Exception e) when (e is RefusedException or IOException) { }
        }
        return held;
    }

    private sealed class LastReport : IProgress<long>
    {
        public long Value { get; private set; }

        public void Report(long value) => Value = value;
    }

    private sealed class CountingSink(ContentStore store) : IBlobSink
    {
        public long Stored { get; private set; }

        public async ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken)
        {
            var writer = await store.OpenAsync(blob, cancellationToken);
            if (writer is not null)
                Stored += blob.Size;
            return writer;
        }
    }
}
