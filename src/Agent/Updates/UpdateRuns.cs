using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>Opens what an operation goes from and to.</summary>
internal sealed class UpdateRuns(
    KnownReleases releases,
    UpdateJournal journal,
    ISupervisor supervisor,
    Preflight preflight,
    ImageLoader images,
    Gate gate,
    Evidence evidence,
    OperationProgress progress,
    ILogger<UpdateRun> log
)
{
    /// <exception cref="IOException">Something of a release is not stored any more.</exception>
    /// <exception cref="RefusedException">A release is not fit for this appliance any more.</exception>
    public async Task<UpdateRun> OpenAsync(Operation operation, CancellationToken ct)
    {
        var from =
            operation is { Phase: not Phase.Committed, FromDigest: { } digest } && journal.Release(digest) is { } known
                ? (await releases.OpenAsync(known, ct)).Release
                : Nothing(operation.Product);
        var to = await releases.OpenAsync(journal.Release(operation.ToDigest)!, ct);
        return new UpdateRun(
            operation,
            from,
            to,
            journal,
            supervisor,
            preflight,
            images,
            gate,
            evidence,
            progress,
            log
        );
    }

    /// <summary>Before the first release: a product without services.</summary>
    private static Release Nothing(string product) =>
        new(
            "",
            "",
            new ComposeModel
            {
                Name = product,
                Services = new Dictionary<string, ComposeService>(),
                Networks = new Dictionary<string, ComposeNetwork>(),
                Volumes = new Dictionary<string, ComposeVolume>(),
                Secrets = new Dictionary<string, ComposeFile>(),
                Configs = new Dictionary<string, ComposeFile>(),
            },
            "",
            new Dictionary<string, ReleaseImage>()
        );
}
