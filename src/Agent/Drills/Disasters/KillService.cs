using Appliance.Docker;

namespace Appliance.Agent.Drills;

/// <summary>What a crash, or the kernel for want of memory, does.</summary>
internal sealed class KillService(DockerEngine engine) : Disaster
{
    public override string Name => "kill-service";

    public override string What => "kills the process of a container";

    public override Expectation Expect(Target target, bool isShort) =>
        new(Course.Healed, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(15) + target.Timings.Start);

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        Task.FromResult(new Injection(target.Name, $"kills the process of {target.Name}", null));

    public override Task InjectAsync(Target target, Injection injection, CancellationToken ct) =>
        engine.Containers.KillAsync(target.Id, "SIGKILL", ct);
}
