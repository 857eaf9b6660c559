using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Checks;

/// <summary>What changes data can be brought back, and ends.</summary>
internal static class ChangingData
{
    public static void Check(Draft draft)
    {
        foreach (var (volume, field) in draft.Volumes)
        {
            if (volume.Data.Breaking is null)
                continue;
            if (volume.DriverOptions.Count > 0)
                field.ErrorAtKey(
                    "data that is changed so that an older release cannot use it has to be in a volume without driver_opts: of any other no snapshot can be made"
                );
            if (volume.Data.Breaking == draft.Version)
                CheckNow(volume, draft);
        }

        foreach (var service in draft.Services)
        {
            if (service.Migration is { } migration)
                CheckMigration(service, migration, draft);
        }
    }

    private static void CheckNow(ComposeVolume volume, Draft draft)
    {
        draft.FallBack?.Error(
            $"an appliance may not go back by itself to a release that cannot use the volume \"{volume.Name}\" any more: remove it"
        );
        foreach (var service in draft.Services.Where(s => s.Mounts.Any(m => IsOf(m.Value, volume))))
        {
            if (service.Ports.FirstOrDefault(p => p.Value.HostPort is not null).Field is { } port)
                port.Warn(
                    $"is open while the volume \"{volume.Name}\" is changed, because it is not behind ingress: what is written through it is lost if the update is taken back; use x-appliance.ingress"
                );
        }
    }

    private static bool IsOf(Mount mount, ComposeVolume volume) => mount is VolumeMount m && m.Volume == volume.Name;

    private static void CheckMigration(ServiceDraft service, Field migration, Draft draft)
    {
        var isWaitedFor = draft.Services.Any(s =>
            s.DependsOn.Any(d =>
                d.Value.Service == service.Name && d.Value.Condition == DependencyCondition.CompletedSuccessfully
            )
        );
        var restart = service.Service.Restart;
        if (restart.Declared ? restart.Kind is RestartKind.Always or RestartKind.UnlessStopped : !isWaitedFor)
            migration.ErrorAtKey(
                "a migration ends, and this service is restarted whenever it does; give it restart: \"no\" or on-failure"
            );
    }
}
