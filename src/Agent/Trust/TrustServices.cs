namespace Appliance.Agent.Trust;

internal static class TrustServices
{
    public static IServiceCollection AddTrust(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<TrustOptions, TrustOptionsValidator>()
            .BindConfiguration(TrustOptions.Section);
        return services.AddSingleton<ReleaseTrust>();
    }
}
