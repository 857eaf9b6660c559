using Appliance.Agent.Alerts;
using Appliance.Agent.Content;
using Appliance.Agent.Control;
using Appliance.Agent.Drills;
using Appliance.Agent.Healing;
using Appliance.Agent.Health;
using Appliance.Agent.Host;
using Appliance.Agent.Ingress;
using Appliance.Agent.Sources;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Trust;
using Appliance.Agent.Updates;

if (!CommandLine.TryParse(args, out var commandLine, out var ending))
    return ending.Say();

// Empty: nothing listens and no setting counts but what is said here.
var builder = WebApplication.CreateEmptyBuilder(new());
builder.WebHost.UseKestrelCore();
try
{
    builder.AddSettings(
        commandLine,
        [
            SettingsSection.Of<StorageOptions>(StorageOptions.Section, countsAtStart: true),
            SettingsSection.Of<EngineOptions>(EngineOptions.Section, countsAtStart: true),
            SettingsSection.Of<LoggingOptions>(LoggingOptions.Section),
            SettingsSection.Of<SourcesOptions>(SourcesOptions.Section, countsAtStart: true),
            SettingsSection.Of<TrustOptions>(TrustOptions.Section, countsAtStart: true),
            SettingsSection.Of<ApplicationOptions>(ApplicationOptions.Section, countsAtStart: true),
            SettingsSection.Of<SupervisionOptions>(SupervisionOptions.Section),
            SettingsSection.Of<IngressOptions>(IngressOptions.Section),
            SettingsSection.Of<UpdatesOptions>(UpdatesOptions.Section),
            SettingsSection.Of<HealingOptions>(HealingOptions.Section),
            SettingsSection.Of<DiskOptions>(DiskOptions.Section),
            SettingsSection.Of<DrillsOptions>(DrillsOptions.Section),
            SettingsSection.Of<AlertsOptions>(AlertsOptions.Section, countsAtStart: true),
            SettingsSection.Of<ControlOptions>(ControlOptions.Section, countsAtStart: true),
        ]
    );
}
catch (SettingsException e)
{
    return new Ending($"appliance-agent: {e.Message}", ExitCode.Configuration).Say();
}

builder
    .Services.AddSingleton(TimeProvider.System)
    .AddStorage()
    .AddHost()
    .AddDockerEngine()
    .AddSources()
    .AddTrust()
    .AddContent()
    .AddSupervision()
    .AddIngress()
    .AddHealth()
    .AddUpdates()
    .AddHealing()
    .AddAlerts()
    .AddDrills()
    .AddControl();

var app = builder.Build();
app.MapControl();
return await app.RunAgentAsync();
