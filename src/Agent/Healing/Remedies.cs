using Appliance.Agent.Content;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Healing;

/// <summary>On this machine: the updater, the engine's service, the power.</summary>
internal sealed class Remedies(
    Updater updater,
    UpdateJournal journal,
    KnownReleases releases,
    EngineService engine,
    Power power
) : IRemedies
{
    public const string Actor = "healing";

    public string? WhyNot(Remedy remedy) =>
        remedy switch
        {
            Remedy.RestartEngine => engine.WhyNot,
            Remedy.Reboot => power.WhyNot,
            _ => null,
        };

    public async Task<string> TakeAsync(
        Remedy remedy,
        string reason,
        IReadOnlyList<string> services,
        CancellationToken ct
    )
    {
        switch (remedy)
        {
            case Remedy.PreviousRelease:
                return await GoBackAsync(services, ct);
            case Remedy.RestartEngine:
                await engine.RestartAsync(ct);
                return "restarted the engine";
            default:
                return await power.RebootAsync(ct) is { } problem
                    ? throw new RemedyException(problem)
                    : "reboots the machine";
        }
    }

    private async Task<string> GoBackAsync(IReadOnlyList<string> services, CancellationToken ct)
    {
        try
        {
            var target = updater.PreviousOrRefuse();
            var from = (await releases.OpenAsync(journal.Current!, ct)).Release;
            var to = (await releases.OpenAsync(target, ct)).Release;
            if (!DiffersFor(services, from, to))
                throw new RemedyException(
                    $"{to.Product} {to.Version} has the same {string.Join(", ", services)}, and the same of what it needs"
                );
            var operation = await updater.StartRollbackAsync(loseDataSince: null, Actor, ct);
            return $"goes back to {to.Product} {to.Version} ({operation.Name})";
        }
        catch (UpdatesBusyException e)
        {
            throw new RemedyException(e.Message, e) { IsTooEarly = true };
        }
        catch (Exception e)
            when (e is RefusedException or StorageException or IOException or UnauthorizedAccessException)
        {
            throw new RemedyException(e.Message, e);
        }
    }

    /// <summary>Whether another release is another for these services, or for what they need.</summary>
    private static bool DiffersFor(IReadOnlyList<string> services, Release from, Release to)
    {
        var untouched = ReleaseDifference
            .Between(from, to)
            .Where(d => d.Change is ServiceChange.Untouched)
            .Select(d => d.Service)
            .ToHashSet();
        var concerned = new HashSet<string>();
        var left = new Queue<string>(services);
        while (left.TryDequeue(out var service))
        {
            if (!concerned.Add(service) || !from.Model.Services.TryGetValue(service, out var known))
                continue;
            foreach (var need in known.DependsOn)
                left.Enqueue(need.Service);
        }
        return !concerned.IsSubsetOf(untouched);
    }
}
