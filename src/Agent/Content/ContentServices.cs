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
            .AddSingleton<ReleaseLibrary>()
            .AddSingleton<EngineDisk>()
            .AddSingleton<ImageLoader>();
    }
}
