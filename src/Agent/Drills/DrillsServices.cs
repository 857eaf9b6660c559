namespace Appliance.Agent.Drills;

internal static class DrillsServices
{
    public static IServiceCollection AddDrills(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<DrillsOptions, DrillsOptionsValidator>()
            .BindConfiguration(DrillsOptions.Section);
        return services
            // In the order in which they are brought about: from what one container notices to what all do.
            .AddSingleton<Disaster, KillService>()
            .AddSingleton<Disaster, HangService>()
            .AddSingleton<Disaster, SlowService>()
            .AddSingleton<Disaster, CutNetwork>()
            .AddSingleton<Disaster, StopIngress>()
            .AddSingleton<Disaster, CorruptImage>()
            .AddSingleton<Disaster, FillDisk>()
            .AddSingleton<Disaster, KillEngine>()
            .AddSingleton<Disaster, KillAgent>()
            .AddSingleton<Catalogue>()
            .AddSingleton<Wellness>()
            .AddSingleton<Targets>()
            .AddSingleton<Doors>()
            .AddSingleton<Undoing>()
            .AddSingleton<Sights>()
            .AddSingleton<Trials>()
            .AddSingleton<DrillRuns>()
            .AddSingleton<Driller>()
            .AddHostedService(s => s.GetRequiredService<Driller>());
    }
}
