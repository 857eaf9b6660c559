namespace Appliance.Agent.Ingress;

internal static class IngressServices
{
    public static IServiceCollection AddIngress(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<IngressOptions, IngressOptionsValidator>()
            .BindConfiguration(IngressOptions.Section);
        return services
            .AddSingleton<IngressFolder>()
            .AddSingleton<RuntimeApi>()
            .AddSingleton<HaproxyConfiguration>()
            .AddSingleton<IngressCertificates>()
            .AddSingleton<IngressCounters>()
            .AddSingleton<IngressLoop>()
            .AddHostedService(s => s.GetRequiredService<IngressLoop>());
    }
}
