using Appliance.Agent.Updates;

namespace Appliance.Agent.Healing;

internal static class HealingServices
{
    public static IServiceCollection AddHealing(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<HealingOptions, HealingOptionsValidator>()
            .BindConfiguration(HealingOptions.Section);
        services
            .AddOptionsWithValidateOnStart<DiskOptions, DiskOptionsValidator>()
            .BindConfiguration(DiskOptions.Section);
        return services
            .AddSingleton<MachineProblems>()
            .AddSingleton<Maintenance>()
            .AddSingleton<EngineService>()
            .AddSingleton<IRemedies, Remedies>()
            .AddSingleton<Arbiter>()
            .AddSingleton<KernelPoll>()
            .AddSingleton<FullDiskLimit>()
            .AddSingleton(s =>
                ActivatorUtilities.CreateInstance<DiskAlarms>(
                    s,
                    (Action)s.GetRequiredService<UpdateQueue>().GiveBackSpace
                )
            )
            .AddSingleton<DiskWatch>()
            .AddHostedService<Healer>()
            .AddHostedService(s => s.GetRequiredService<DiskWatch>())
            .AddHostedService<MemoryWatch>()
            .AddHostedService<ClockWatch>();
    }
}
