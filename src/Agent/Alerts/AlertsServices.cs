namespace Appliance.Agent.Alerts;

internal static class AlertsServices
{
    public static IServiceCollection AddAlerts(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<AlertsOptions, AlertsOptionsValidator>()
            .BindConfiguration(AlertsOptions.Section);
        return services
            .AddSingleton<WebhookTokens>()
            .AddSingleton<CoolDowns>()
            .AddSingleton<AlertMap>()
            .AddSingleton<AlertIntake>()
            .AddSingleton<IAlertActions, ArbitratedActions>()
            .AddSingleton<WebhookEndpoint>()
            .AddHostedService<AlertWorker>()
            .AddHostedService<WebhookListener>();
    }
}
