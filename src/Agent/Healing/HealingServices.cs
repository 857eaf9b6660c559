namespace Appliance.Agent.Healing;

internal static class HealingServices
{
    public static IServiceCollection AddHealing(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<HealingOptions, HealingOptionsValidator>()
            .BindConfiguration(HealingOptions.Section);
        return services
            .AddSingleton<MachineProblems>()
            .AddSingleton<Maintenance>()
            .AddSingleton<EngineService>()
            .AddSingleton<IRemedies, Remedies>()
            .AddSingleton<Arbiter>()
            .AddSingleton<KernelPoll>()
            .AddSingleton<DiskAlarm>()
            .AddSingleton<DiskWatch>()
            .AddHostedService<Healer>()
            .AddHostedService(s => s.GetRequiredService<DiskWatch>())
            .AddHostedService<MemoryWatch>()
            .AddHostedService<ClockWatch>();
    }
}
