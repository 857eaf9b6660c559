using System.Globalization;
using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Checks;

/// <summary>A port of the host belongs to one container.</summary>
internal static class PublishedPorts
{
    public static void Check(Draft draft)
    {
        var taken = new Dictionary<(int Port, PortProtocol Protocol), List<Claim>>();
        foreach (var service in draft.Services)
        {
            foreach (var (port, field) in service.Ports)
            {
                if (port.HostPort is not { } host)
                    continue;

                var claim = new Claim(service, port, field);
                var key = (host, port.Protocol);
                if (!taken.TryGetValue(key, out var others))
                    taken.Add(key, others = []);
                if (others.Find(claim.Conflicts) is { } other)
                    field.Error(
                        $"host port {host.ToString(CultureInfo.InvariantCulture)} is published already, by {other.Field.Path}"
                    );
                others.Add(claim);
            }

            var first = service.Ports.FirstOrDefault(p => p.Value.HostPort is not null);
            if (service.Service.Deploy.Replicas > 1 && first.Field is not null)
            {
                service.Replicas!.Error(
                    $"{service.Service.Deploy.Replicas} replicas cannot share the host port of {first.Field.Path}; leave the host port out, or run one replica"
                );
            }
        }
    }

    private sealed record Claim(ServiceDraft Service, PortMapping Port, Field Field)
    {
        public bool Conflicts(Claim other) =>
            SameAddress(Port.HostIp, other.Port.HostIp) && !Service.IsAlternativeTo(other.Service);

        private static bool SameAddress(string? a, string? b) =>
            a is null or "0.0.0.0" or "::" || b is null or "0.0.0.0" or "::" || a == b;
    }
}
