namespace Appliance.Agent.Health;

internal static class HealthServices
{
    public static IServiceCollection AddHealth(this IServiceCollection services) =>
        services
            .AddSingleton<Prober>()
            .AddSingleton<IProbeBook>(s => s.GetRequiredService<Prober>())
            .AddHostedService(s => s.GetRequiredService<Prober>());
}
