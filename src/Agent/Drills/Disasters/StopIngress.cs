using System.ComponentModel;
using System.Diagnostics;
using Appliance.Agent.Host;
using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Drills;

/// <summary>HAProxy is killed, with what it has under way.</summary>
internal sealed class StopIngress(
    RuntimeApi haproxy,
    ISupervisor supervisor,
    Systemctl systemctl,
    IOptionsMonitor<IngressOptions> ingress,
    IOptionsMonitor<DrillsOptions> options
) : Disaster
{
    public override string Name => "stop-ingress";

    public override string What => "kills HAProxy, through which the application is reached";

    public override Task<string?> WhyNotAsync(Target target, CancellationToken ct) =>
        Task.FromResult(
            !ingress.CurrentValue.Enabled || supervisor.View.Published.Count == 0
                ? "no service of the release is reached through ingress"
            : systemctl.IsThere || options.CurrentValue.IngressComesBack ? null
            : "nothing here would start HAProxy again: systemd does not run the agent, and drills.ingress-comes-back is off"
        );

    public override Expectation Expect(Target target, bool isShort) =>
        new(Course.Healed, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10));

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        Task.FromResult(new Injection("HAProxy", "kills HAProxy", null));

    public override async Task InjectAsync(Target target, Injection injection, CancellationToken ct)
    {
        try
        {
            var workers = await haproxy.WorkersAsync(ct);
            using var master = Process.GetProcessById(
                workers.Master ?? throw new HaproxyException("it has no master", true)
            );
            // Its workers end with it.
            master.Kill();
        }
        catch (Exception e)
            when (e is HaproxyException or ArgumentException or InvalidOperationException or Win32Exception)
        {
            throw new InjectionException($"HAProxy could not be killed: {e.Message}", e);
        }
    }

    public override string? NoticedIn(SupervisionView view, Target target) => null;

    public override bool IsToldBy(StoredEvent e, Target target) => e.Kind is "ingress.lost" or "ingress.back";
}
