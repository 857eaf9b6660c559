using System.Text;
using Appliance.Agent.Supervision;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>
/// What a service that failed had to say: the outputs of its checks, and the last lines that it wrote. Taken before it is
/// taken back, because its container goes then.
/// </summary>
internal sealed class Evidence(ISupervisor supervisor, DockerEngine engine, TimeProvider clock)
{
    private const int Lines = 40;
    private const int MaxLength = 16 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>As much as can be had; nothing that is missing keeps the service from being taken back.</summary>
    public async Task<string> OfAsync(string service, CancellationToken ct)
    {
        var text = new StringBuilder();
        using var patience = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        try
        {
            var containers = supervisor.View.Service(service)?.Containers ?? [];
            foreach (var container in WhoseOf(containers))
                await TellAsync(container.Id, container.Name, text, either.Token);
        }
        catch (Exception e) when (e is DockerEngineException or EngineUnavailableException)
        {
            text.AppendLine($"(no more is known: {e.Message})");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            text.AppendLine("(the engine was too slow to say more)");
        }
        return text.Length <= MaxLength ? text.ToString() : text.ToString(0, MaxLength) + "…";
    }

    /// <summary>
    /// The container that is tried, while one is: the others are well. Else those that are as the service is to be: a
    /// predecessor that waits to be removed has nothing to say. Pure.
    /// </summary>
    internal static IEnumerable<ContainerView> WhoseOf(IReadOnlyList<ContainerView> containers) =>
        containers.Any(c => c.IsCanary) ? containers.Where(c => c.IsCanary) : containers.Where(c => c.IsCurrent);

    private async Task TellAsync(string id, string name, StringBuilder text, CancellationToken ct)
    {
        var state = (await engine.Containers.InspectAsync(id, ct)).State;
        text.AppendLine($"{name}: {state.Status.ToString().ToLowerInvariant()}, exit code {state.ExitCode}");
        if (state.Health?.Log.LastOrDefault(run => run.ExitCode != 0) is { } check)
            text.AppendLine($"health check, exit code {check.ExitCode}: {check.Output.Trim()}");
        var began = text.Length;
        await foreach (var line in engine.Containers.LogLinesAsync(id, new LogQuery { Tail = Lines }, ct))
        {
            if (text.Length == began)
                text.AppendLine($"last lines of {name}:");
            text.AppendLine($"  {line.Text}");
        }
    }
}
