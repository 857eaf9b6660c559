namespace Appliance.Agent.Updates;

internal static class UpdatesServices
{
    public static IServiceCollection AddUpdates(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<UpdatesOptions, UpdatesOptionsValidator>()
            .BindConfiguration(UpdatesOptions.Section);
        return services
            .AddSingleton<KnownReleases>()
            .AddSingleton<Staging>()
            .AddSingleton<Preflight>()
            .AddSingleton<TrafficWatch>()
            .AddSingleton<Gate>()
            .AddSingleton<Rollout>()
            .AddSingleton<Trial>()
            .AddSingleton<Evidence>()
            .AddSingleton<OperationProgress>()
            .AddSingleton<UpdateRuns>()
            .AddSingleton<StoredReleases>()
            .AddSingleton<OldSnapshots>()
            .AddSingleton<Pruning>()
            .AddSingleton<DataPlans>()
            .AddSingleton<AgentReport>()
            .AddHostedService(s => s.GetRequiredService<AgentReport>())
            .AddSingleton<AgentTakeover>()
            .AddSingleton<Plans>()
            .AddSingleton<Occupancy>()
            .AddSingleton<HeldRelease>()
            .AddSingleton<UpdateQueue>()
            .AddSingleton<InstalledRelease>()
            .AddSingleton<Intake>()
            .AddSingleton<Updater>()
            .AddHostedService(s => s.GetRequiredService<Updater>());
    }
}
