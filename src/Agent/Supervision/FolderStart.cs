using Appliance.Agent.Content;
using Appliance.Agent.Sources;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Supervision;

/// <summary>Runs the unsigned release folder that the settings name, where they name one.</summary>
internal sealed class FolderStart(FolderRelease folders, IOptions<SourcesOptions> sources, Supervisor supervisor)
    : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (sources.Value.Release is not { } folder)
            return;
        switch (await folders.ReadAsync(folder, cancellationToken))
        {
            case ReleaseReading.Ready ready:
                supervisor.Run(new RunningRelease(ready.Release));
                break;
            case ReleaseReading.Refused refused:
                supervisor.Refuse($"the release in {folder} is refused: {string.Join("; ", refused.Reasons)}");
                break;
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
