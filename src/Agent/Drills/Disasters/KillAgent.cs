using System.Diagnostics;
using Appliance.Agent.Host;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Drills;

/// <summary>The agent kills itself; the drill goes on with its next start.</summary>
internal sealed class KillAgent(Systemctl systemctl, IOptionsMonitor<DrillsOptions> options) : Disaster
{
    public const string ItsName = "kill-agent";

    public override string Name => ItsName;

    public override string What => "kills the agent itself";

    public override Task<string?> WhyNotAsync(Target target, CancellationToken ct) =>
        Task.FromResult(
            systemctl.IsThere || options.CurrentValue.AgentComesBack
                ? null
                : "nothing here would start the agent again: systemd does not run it, and drills.agent-comes-back is off"
        );

    public override Expectation Expect(Target target, bool isShort) =>
        new(Course.Healed, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30) + target.Timings.Start);

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        Task.FromResult(new Injection("the agent", "kills the agent", null));

    public override async Task InjectAsync(Target target, Injection injection, CancellationToken ct)
    {
        // SIGKILL: nothing is flushed, disposed of or said.
        using var self = Process.GetCurrentProcess();
        self.Kill();
        await self.WaitForExitAsync(ct);
    }
}
