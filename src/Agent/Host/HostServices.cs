using Appliance.Agent.Storage;
using Appliance.Docker;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Host;

internal static class HostServices
{
    /// <summary>Settings by rank: command line, environment, file. Nothing else is looked at.</summary>
    /// <exception cref="SettingsException">A variable of the environment is no setting.</exception>
    public static void AddSettings(
        this WebApplicationBuilder builder,
        CommandLine commandLine,
        IReadOnlyList<SettingsSection> sections
    )
    {
        var provider = new SettingsProvider();
        ((IConfigurationBuilder)builder.Configuration)
            .Add(provider)
            .AddInMemoryCollection(EnvironmentSettings.Read(Environment.GetEnvironmentVariables(), sections))
            .AddInMemoryCollection(commandLine.Settings);
        builder
            .Services.AddSingleton(provider)
            .AddSingleton(
                new SettingsOrigin(
                    commandLine.ConfigFile ?? SettingsOrigin.DefaultFile,
                    commandLine.ConfigFile is not null,
                    sections
                )
            );
    }

    public static IServiceCollection AddHost(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<EngineOptions, EngineOptionsValidator>()
            .BindConfiguration(EngineOptions.Section);
        services
            .AddOptionsWithValidateOnStart<LoggingOptions, LoggingOptionsValidator>()
            .BindConfiguration(LoggingOptions.Section);
        // For open calls. What stops the application when the machine goes down has a limit of its own.
        services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(10));
        return services
            .AddLogging(AddConsole)
            .AddSingleton(AgentVersion.OfThisBuild)
            .AddSingleton<Settings>()
            .AddSingleton(SystemdEnvironment.Of(Environment.GetEnvironmentVariable, Environment.ProcessId))
            .AddSingleton(AgentVersions.Of(Environment.GetEnvironmentVariable))
            .AddSingleton<SystemdNotifier>()
            .AddSingleton<Liveness>()
            .AddSingleton<MachineShutdown>()
            .AddSingleton<MachineBoot>()
            .AddSingleton<Systemctl>()
            .AddSingleton<Power>()
            .AddHostedService<SystemdService>()
            .AddHostedService<StateReturn>();
    }

    /// <summary>The client of the one engine that is supervised.</summary>
    public static IServiceCollection AddDockerEngine(this IServiceCollection services) =>
        services.AddSingleton(s =>
            DockerEngine.Connect(
                s.GetRequiredService<IOptions<EngineOptions>>().Value.Endpoint,
                s.GetRequiredService<TimeProvider>()
            )
        );

    /// <summary>Runs the agent to its end.</summary>
    /// <returns>The exit code. A part that failed makes it 1: the framework alone would end with 0.</returns>
    public static async Task<int> RunAgentAsync(this WebApplication app)
    {
        var log = app.Services.GetRequiredService<ILogger<Settings>>();
        try
        {
            app.Services.GetRequiredService<Settings>().LoadAtStart();
            log.Started(CommandLine.Version, Environment.ProcessId);
            var parts = app.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToList();
            await app.RunAsync();
            return parts.Exists(p => p.ExecuteTask is { IsFaulted: true }) ? ExitCode.Failed : ExitCode.Done;
        }
        // Told to end while it was starting: by itself, where another version is to take over.
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return ExitCode.Done;
        }
        catch (SettingsException e)
        {
            return await EndAsync(app, log, e.Message, ExitCode.Configuration);
        }
        catch (Exception e) when (e is StorageInUseException or IOException)
        {
            return await EndAsync(app, log, e.Message, ExitCode.Failed);
        }
    }

    private static async Task<int> EndAsync(WebApplication app, ILogger log, string reason, int code)
    {
        log.CannotStart(reason);
        await app.DisposeAsync();
        return code;
    }

    private static void AddConsole(ILoggingBuilder logging)
    {
        // systemd sets it when it takes standard output and error: levels and times are then the journal's.
        if (Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null)
        {
            logging.AddSystemdConsole();
        }
        else
        {
            logging.AddSimpleConsole(o =>
            {
                o.SingleLine = true;
                o.UseUtcTimestamp = true;
                o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                o.ColorBehavior = LoggerColorBehavior.Default;
            });
        }
        // The framework tells of each request; events and audit tell of what matters.
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging
            .Services.AddSingleton<IConfigureOptions<LoggerFilterOptions>, LevelFromSettings>()
            .AddSingleton<IOptionsChangeTokenSource<LoggerFilterOptions>>(
                s => new ConfigurationChangeTokenSource<LoggerFilterOptions>(s.GetRequiredService<IConfiguration>())
            );
    }

    private sealed class LevelFromSettings(IOptionsFactory<LoggingOptions> logging)
        : IConfigureOptions<LoggerFilterOptions>
    {
        public void Configure(LoggerFilterOptions options)
        {
            try
            {
                options.MinLevel = logging.Create(Options.DefaultName).Level;
            }
            catch (Exception e) when (e is OptionsValidationException or InvalidOperationException)
            {
                // Asked before the settings are proven, to log just that.
                options.MinLevel = LogLevel.Information;
            }
        }
    }
}
