namespace Appliance.Agent.Storage;

internal static class StorageServices
{
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<StorageOptions, StorageOptionsValidator>()
            .BindConfiguration(StorageOptions.Section);
        return services
            .AddSingleton<ReserveFile>()
            .AddSingleton<Database>()
            .AddSingleton<EventLog>()
            .AddSingleton<Wishes>()
            .AddSingleton<Holds>()
            .AddSingleton<RungLedger>()
            .AddSingleton<RestartLedger>()
            .AddSingleton<Completions>()
            .AddSingleton<AuditTrail>()
            .AddSingleton<TrustTable>()
            .AddSingleton<UpdateJournal>()
            .AddSingleton<SnapshotTable>()
            .AddSingleton<RolloutTable>()
            .AddSingleton<TokenTable>()
            .AddSingleton<AlertRules>()
            .AddSingleton<AlertJournal>()
            .AddSingleton<DrillJournal>();
    }
}
