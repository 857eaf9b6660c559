namespace Appliance.Agent.Storage;

internal static class StorageServices
{
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<StorageOptions, StorageOptionsValidator>()
            .BindConfiguration(StorageOptions.Section);
        return services
            .AddSingleton<Database>()
            .AddSingleton<EventLog>()
            .AddSingleton<Wishes>()
            .AddSingleton<RestartLedger>()
            .AddSingleton<Completions>()
            .AddSingleton<AuditTrail>()
            .AddSingleton<TrustTable>()
            .AddSingleton<UpdateJournal>()
            .AddSingleton<TokenTable>()
            .AddSingleton<AlertRules>()
            .AddSingleton<AlertJournal>();
    }
}
