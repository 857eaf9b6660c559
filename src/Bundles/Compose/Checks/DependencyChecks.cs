using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Checks;

/// <summary>Dependencies lead to services that exist, that will run, that can be waited for, and never back.</summary>
internal static class DependencyChecks
{
    public static void Check(Draft draft)
    {
        var services = new Dictionary<string, ServiceDraft>();
        foreach (var service in draft.Services)
            services.TryAdd(service.Name, service);

        foreach (var service in draft.Services)
        {
            foreach (var (dependency, field) in service.DependsOn)
            {
                if (services.TryGetValue(dependency.Service, out var target))
                    CheckOne(service, dependency, target, field);
                else
                    field.ErrorAtKey(
                        $"unknown service \"{Field.Shorten(dependency.Service)}\"{Spelling.DidYouMean(dependency.Service, services.Keys)}"
                    );
            }
        }

        new CycleFinder(services).Run(draft.Services);
    }

    private static void CheckOne(ServiceDraft service, Dependency dependency, ServiceDraft target, Field field)
    {
        var (profiles, others) = (service.Service.Profiles, target.Service.Profiles);
        if (others.Count > 0 && (profiles.Count == 0 || profiles.Except(others).Any()))
        {
            field.ErrorAtKey(
                $"\"{target.Name}\" runs only in the profiles {string.Join(", ", others)}, and \"{service.Name}\" in others too; give both the same profiles"
            );
        }

        var health = target.Service.HealthCheck;
        if (dependency.Condition == DependencyCondition.Healthy && target.Service.Probes.Count == 0)
        {
            if (health is { Disabled: true })
                field.ErrorAtKey(
                    $"\"{target.Name}\" never becomes healthy: its health check is disabled, and it has no x-appliance.probes"
                );
            else if (health is null or { Test.Count: 0 })
            {
                field.WarnAtKey(
                    $"\"{target.Name}\" becomes healthy only if its image has a health check; declare a healthcheck or x-appliance.probes to be sure"
                );
            }
        }

        if (
            dependency.Condition == DependencyCondition.CompletedSuccessfully
            && target.Service.Restart.Kind is RestartKind.Always or RestartKind.UnlessStopped
        )
            field.ErrorAtKey(
                $"\"{target.Name}\" never completes: it is restarted whenever it ends; give it restart: \"no\" or on-failure"
            );
    }

    /// <summary>Depth-first, without recursion: the file decides how long a chain is.</summary>
    private sealed class CycleFinder(IReadOnlyDictionary<string, ServiceDraft> services)
    {
        private readonly HashSet<string> _done = [];

        public void Run(IReadOnlyList<ServiceDraft> roots)
        {
            foreach (var root in roots)
                Follow(root);
        }

        private void Follow(ServiceDraft root)
        {
            if (_done.Contains(root.Name))
                return;

            var way = new List<(ServiceDraft Service, int Next)> { (root, 0) };
            while (way.Count > 0)
            {
                var (service, next) = way[^1];
                if (next == service.DependsOn.Count)
                {
                    _done.Add(service.Name);
                    way.RemoveAt(way.Count - 1);
                    continue;
                }

                way[^1] = (service, next + 1);
                var (dependency, field) = service.DependsOn[next];
                var start = way.FindIndex(w => w.Service.Name == dependency.Service);
                if (start >= 0)
                {
                    var names = way.Skip(start).Select(w => w.Service.Name).Append(dependency.Service);
                    field.ErrorAtKey($"dependencies go round in a circle: {string.Join(" -> ", names)}");
                }
                else if (
                    !_done.Contains(dependency.Service) && services.TryGetValue(dependency.Service, out var target)
                )
                {
                    way.Add((target, 0));
                }
            }
        }
    }
}
