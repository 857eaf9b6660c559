using Appliance.Agent.Healing;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Drills;

/// <summary>The container engine is killed; with live-restore its containers run on.</summary>
internal sealed class KillEngine(EngineService engine) : Disaster
{
    public override string Name => "kill-engine";

    public override string What => "kills the container engine";

    public override Task<string?> WhyNotAsync(Target target, CancellationToken ct) =>
        Task.FromResult(engine.WhyNot is { } why ? $"nothing here would start the engine again: {why}" : null);

    // Without live-restore all containers end with it, and start one after the other.
    public override Expectation Expect(Target target, bool isShort) =>
        new(Course.Healed, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(90) + target.Timings.Start);

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        Task.FromResult(new Injection("the engine", "kills the engine", null));

    public override async Task InjectAsync(Target target, Injection injection, CancellationToken ct)
    {
        try
        {
            await engine.KillAsync(ct);
        }
        catch (RemedyException e)
        {
            throw new InjectionException(e.Message, e);
        }
    }

    public override string? NoticedIn(SupervisionView view, Target target) =>
        view.Engine.Reachable ? null : $"the engine is not reachable: {view.Engine.Error}";

    public override bool IsToldBy(StoredEvent e, Target target) => e.Kind == "engine.lost";
}
