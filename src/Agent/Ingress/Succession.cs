namespace Appliance.Agent.Ingress;

internal static class Succession
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits for what comes of a reload: another worker, or none.</summary>
    /// <param name="before">As they were before it was asked for.</param>
    /// <returns>As they are then.</returns>
    public static async Task<Workers> AfterReloadAsync(
        this RuntimeApi api,
        Workers before,
        TimeProvider clock,
        CancellationToken ct
    )
    {
        var since = clock.GetTimestamp();
        var now = before;
        while (clock.GetElapsedTime(since) < Limit)
        {
            try
            {
                now = await api.WorkersAsync(ct);
                if (now.Reloads != before.Reloads && (now.Current != before.Current || now.FailedReloads > 0))
                    return now;
            }
            catch (HaproxyException e) when (e.IsGone || e.IsSilent)
            {
                // It begins anew.
            }
            await Task.Delay(Between, clock, ct);
        }
        return now;
    }
}
