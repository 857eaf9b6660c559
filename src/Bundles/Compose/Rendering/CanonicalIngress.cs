using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Rendering;

internal static class CanonicalIngress
{
    public static CanonicalNode Route(IngressRoute route) =>
        new CanonicalMap()
            .Add("port", route.Port)
            .Add("protocol", route.Protocol.ToString().ToLowerInvariant())
            .Add("host", route.Host)
            .Add("path", route.Protocol == IngressProtocol.Tcp ? null : route.Path)
            .Add("listen", route.Listen)
            .ToNode();

    public static CanonicalNode Canary(Canary canary) =>
        new CanonicalMap()
            .Add("weight", canary.Weight)
            .Add("duration", Durations.Format(canary.Duration))
            .Add("max-error-ratio", new CanonicalNode.Literal(CanonicalDeploy.Number(canary.MaxErrorRatio)!))
            .ToNode();
}
