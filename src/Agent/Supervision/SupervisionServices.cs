using Appliance.Agent.Host;
using Appliance.Docker;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Supervision;

internal static class SupervisionServices
{
    public static IServiceCollection AddSupervision(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<SupervisionOptions, SupervisionOptionsValidator>()
            .BindConfiguration(SupervisionOptions.Section);
        return services
            .AddSingleton<EngineObserver>()
            .AddSingleton<MountedFiles>()
            .AddSingleton<Wakeups>()
            .AddSingleton<AskedRestarts>()
            .AddSingleton<Lanes>()
            .AddSingleton<ApplicationStop>()
            .AddSingleton(s => new EngineWatch(
                s.GetRequiredService<DockerEngine>(),
                s.GetRequiredService<IOptions<EngineOptions>>().Value.Endpoint,
                s.GetRequiredService<TimeProvider>()
            ))
            .AddSingleton<Supervisor>()
            .AddSingleton<ISupervisor>(s => s.GetRequiredService<Supervisor>())
            .AddHostedService(s => s.GetRequiredService<Supervisor>());
    }
}
