namespace Appliance.Agent.Supervision;

/// <summary>Whether two views say the same, so that nobody is woken for nothing. Records compare their lists by reference.</summary>
internal static class ViewsAlike
{
    public static bool Are(SupervisionView a, SupervisionView b) =>
        a.Engine == b.Engine
        && a.Release == b.Release
        && a.ReleaseProblem == b.ReleaseProblem
        && (a.IsTidy, a.IsStill, a.IsClosed) == (b.IsTidy, b.IsStill, b.IsClosed)
        && a.Problems.SequenceEqual(b.Problems)
        && Same(a.Services, b.Services, Alike)
        && Same(a.Targets, b.Targets, Alike)
        && Same(a.Published, b.Published, Alike);

    private static bool Alike(ServiceView a, ServiceView b) =>
        a.Name == b.Name
        && a.State == b.State
        && a.Explanation == b.Explanation
        && a.Since == b.Since
        && a.Image == b.Image
        && a.ConfigHash == b.ConfigHash
        && (a.IsMeantToEnd, a.IsOneShot) == (b.IsMeantToEnd, b.IsOneShot)
        && a.Ailments.SequenceEqual(b.Ailments)
        && (a.Replicas, a.Ready, a.Restarts, a.RestartPolicy) == (b.Replicas, b.Ready, b.Restarts, b.RestartPolicy)
        && a.Canary == b.Canary
        && a.Ports.SequenceEqual(b.Ports)
        && a.DependsOn.SequenceEqual(b.DependsOn)
        && Same(a.Containers, b.Containers, Alike);

    private static bool Alike(ContainerView a, ContainerView b) =>
        a with { Networks = [] } == b with { Networks = [] } && a.Networks.SequenceEqual(b.Networks);

    private static bool Alike(ProbeTarget a, ProbeTarget b) =>
        (a.ContainerId, a.RunStartedAt, a.Address, a.Container)
            == (b.ContainerId, b.RunStartedAt, b.Address, b.Container)
        && ProbesAlike.Are(a.Probes, b.Probes);

    private static bool Alike(PublishedService a, PublishedService b) =>
        (a.Name, a.StopGrace, a.CanaryShare, a.IsClosed) == (b.Name, b.StopGrace, b.CanaryShare, b.IsClosed)
        && a.Routes.SequenceEqual(b.Routes)
        && Alike(a.Internal, b.Internal)
        && a.Servers.SequenceEqual(b.Servers);

    private static bool Alike(InternalListener? a, InternalListener? b) =>
        a is null || b is null
            ? a == b
            : a.Addresses.SequenceEqual(b.Addresses)
                && a.Ports.SequenceEqual(b.Ports)
                && a.Sources.SequenceEqual(b.Sources);

    private static bool Same<T>(IReadOnlyList<T> a, IReadOnlyList<T> b, Func<T, T, bool> alike) =>
        ReferenceEquals(a, b) || (a.Count == b.Count && a.Zip(b).All(p => alike(p.First, p.Second)));
}
