namespace Appliance.Agent.Sources;

internal static class SourcesServices
{
    public static IServiceCollection AddSources(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<SourcesOptions, SourcesOptionsValidator>()
            .BindConfiguration(SourcesOptions.Section);
        return services;
    }
}
