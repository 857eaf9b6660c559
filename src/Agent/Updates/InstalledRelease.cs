using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>The release that runs while nothing is being done.</summary>
internal sealed class InstalledRelease(
    UpdateJournal journal,
    KnownReleases releases,
    DataPlans dataPlans,
    ISupervisor supervisor
)
{
    /// <summary>Has it run, if there is one; what keeps it from that is told to supervision, and is an alarm.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        if (journal.Current is not { } current)
            return;
        if (dataPlans.Unreturned is { } problem)
        {
            supervisor.Refuse($"the installed release is not started on data that it does not know: {problem}");
            return;
        }
        try
        {
            supervisor.Run(new RunningRelease((await releases.OpenAsync(current, ct)).Release));
        }
        catch (Exception e) when (e is RefusedException or IOException or UnauthorizedAccessException)
        {
            // What runs goes on running, untouched, and unsupervised: that is an alarm.
            supervisor.Refuse($"the installed release cannot be read: {e.Message}");
        }
    }
}
