using Appliance.Agent.Storage;
using Appliance.Docker;

namespace Appliance.Agent.Drills;

/// <summary>A container that is on its network no more.</summary>
internal sealed class CutNetwork(DockerEngine engine) : Disaster
{
    public override string Name => "cut-network";

    public override string What => "takes a container off its network";

    public override Task<string?> WhyNotAsync(Target target, CancellationToken ct) =>
        Task.FromResult(
            target.Container.Networks.Count == 0 || target.Inspection.HostConfig.NetworkMode is "host" or "none"
                ? $"{target.Name} is on no network of its own"
                : null
        );

    public override Expectation Expect(Target target, bool isShort) =>
        new(Course.Healed, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(20) + target.Timings.Start);

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct)
    {
        var (network, endpoint) = target.Inspection.NetworkSettings.Networks.First();
        return Task.FromResult(
            new Injection(
                target.Name,
                $"takes {target.Name} off {network}",
                new Undo(UndoKind.Connect, target.Id, Undoing.ConnectionOf(network, endpoint))
            )
        );
    }

    public override Task InjectAsync(Target target, Injection injection, CancellationToken ct) =>
        engine.Networks.DisconnectAsync(Undoing.NetworkOf(injection.Undo!.Value), target.Id, force: false, ct);
}
