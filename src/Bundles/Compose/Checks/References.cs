using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Checks;

/// <summary>Every name that a service uses stands for something, and no two things claim one place.</summary>
internal static class References
{
    public static void Check(Draft draft)
    {
        var networks = draft.Networks.Select(n => n.Value.Name).Append(ComposeNetwork.DefaultName).ToHashSet();
        var volumes = draft.Volumes.Select(v => v.Value.Name).ToHashSet();
        var secrets = draft.Secrets.Select(s => s.Value.Name).ToHashSet();
        var configs = draft.Configs.Select(c => c.Value.Name).ToHashSet();

        foreach (var service in draft.Services)
        {
            foreach (var (end, field) in service.Networks)
                Known(field, "network", end.Network, networks);
            foreach (var (mount, field) in service.Mounts)
            {
                if (mount is VolumeMount volume)
                    Known(field, "volume", volume.Volume, volumes);
            }

            foreach (var (mount, field) in service.Secrets)
                Known(field, "secret", mount.Source, secrets);
            foreach (var (mount, field) in service.Configs)
                Known(field, "config", mount.Source, configs);
            Targets(service);
        }
    }

    private static void Known(Field field, string kind, string name, HashSet<string> known)
    {
        if (known.Contains(name))
            return;

        var hint = Spelling.DidYouMean(name, known);
        field.ErrorAtKey(
            $"unknown {kind} \"{Field.Shorten(name)}\"{(hint.Length > 0 ? hint : $"; declare it under the top-level \"{kind}s\"")}"
        );
    }

    private static void Targets(ServiceDraft service)
    {
        var taken = new Dictionary<string, Field>();
        var targets = service
            .Mounts.Select(m => (m.Value.Target, m.Field))
            .Concat(service.Configs.Select(c => (c.Value.Target, c.Field)))
            .Concat(service.Secrets.Select(s => (s.Value.Target, s.Field)));
        foreach (var (target, field) in targets)
        {
            if (!taken.TryAdd(target, field))
                field.Error($"{target} is mounted already, by {taken[target].Path}");
        }
    }
}
