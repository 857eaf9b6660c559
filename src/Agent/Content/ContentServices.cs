using Appliance.Bundles.Deltas;

namespace Appliance.Agent.Content;

internal static class ContentServices
{
    public static IServiceCollection AddContent(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<ApplicationOptions, ApplicationOptionsValidator>()
            .BindConfiguration(ApplicationOptions.Section);
        return services
            .AddSingleton<ContentStore>()
            .AddSingleton<Xdelta>()
            .AddSingleton<DeltaLayers>()
            .AddSingleton<ReleaseLibrary>()
            .AddSingleton<EngineDisk>()
            .AddSingleton<ImageLoader>();
    }
}
