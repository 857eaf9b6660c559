using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>A release that was verified and is here in full; nothing runs of it.</summary>
/// <param name="Expires">When its signatures expire.</param>
/// <param name="ExpiryAccepted">A person has agreed to signatures that have expired.</param>
/// <param name="Moved">Bytes that were sent.</param>
/// <param name="Stored">Those of them that were not here yet.</param>
internal sealed record Staged(
    KnownRelease Known,
    ReleaseContent Content,
    Release Release,
    PendingTrust Trust,
    DateTimeOffset Expires,
    bool ExpiryAccepted,
    long Moved,
    long Stored
)
{
    public string Name => $"{Content.Descriptor.Product} {Content.Descriptor.Version}";
}
