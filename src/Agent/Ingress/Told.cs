using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>What ingress is doing, for people.</summary>
/// <param name="Version">HAProxy's; empty: it is not there.</param>
/// <param name="Problem">Why it does not run what is wanted, a sentence without its full stop; null: it does.</param>
internal sealed record IngressView(bool IsServing, string Version, string? Problem);

/// <summary>What was told last, to supervision and to people: it holds until something else is known.</summary>
internal sealed class Told(ISupervisor supervisor)
{
    private Traffic traffic = Traffic.None;
    private IngressView view = new(false, "", null);

    public IngressView View => Volatile.Read(ref view);

    public bool IsServing => traffic.IsServing;

    /// <summary>Whether the route is there that makes the addresses of internal listeners this machine's.</summary>
    public static bool ListensInside() => InternalListeners.Ends.All(OwnAddress.Is);

    /// <summary>HAProxy serves, and nothing more is known.</summary>
    public void Serves() => Report(Traffic.None with { IsServing = true, ListensInside = ListensInside() });

    public void Report(Traffic next)
    {
        if (TrafficReport.Same(traffic, next))
            return;
        traffic = next;
        supervisor.Report(next);
    }

    public void Show(IngressView next)
    {
        if (View != next)
            Volatile.Write(ref view, next);
    }
}
