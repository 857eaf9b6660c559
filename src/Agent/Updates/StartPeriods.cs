using Appliance.Bundles.Compose;

namespace Appliance.Agent.Updates;

/// <summary>What a service declares that it takes before its checks count.</summary>
internal static class StartPeriods
{
    public static TimeSpan Of(ComposeService service)
    {
        var check = service.HealthCheck?.StartPeriod ?? TimeSpan.Zero;
        return service.Probes.Select(p => p.Timing.StartPeriod).Append(check).Max();
    }
}
