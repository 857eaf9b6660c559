using Appliance.Agent.Content;

namespace Appliance.Agent.Supervision;

/// <summary>What later rooms ask of supervision.</summary>
internal interface ISupervisor
{
    SupervisionView View { get; }

    /// <summary>Returns as soon as <see cref="View"/> is no longer <paramref name="seen"/>.</summary>
    Task WaitForChangeAsync(SupervisionView seen, CancellationToken ct);

    /// <summary>
    /// Says what is to run, from the next pass on; what does not differ is not touched. Once this returns,
    /// <see cref="View"/> no longer tells of what a service was before as if it were what is asked for now: one that
    /// changes is pending until it was looked at.
    /// </summary>
    void Run(RunningRelease what);

    /// <summary>What <see cref="ServiceView.ConfigHash"/> is, by service, once this release is what runs.</summary>
    IReadOnlyDictionary<string, string> HashesOf(Release release);

    /// <summary>What the one-shots of a release have done is undone: they run again, but for those that another has as well.</summary>
    /// <exception cref="Storage.StorageException">It could not be made durable, and is to be said again.</exception>
    void ForgetCompletions(Release release, Release except);

    /// <summary>Says why the release that should run cannot. What runs goes on running, untouched.</summary>
    /// <param name="problem">A sentence without its full stop.</param>
    void Refuse(string problem);

    /// <summary>Keeps a service stopped. Returns once the wish is durable and the reconciler was woken.</summary>
    /// <returns>False: no such service.</returns>
    /// <exception cref="Storage.StorageException">The wish could not be made durable, and does not count.</exception>
    bool Stop(string service, string by, string reason);

    /// <summary>Ends the wish to keep a service stopped. Returns once that is durable and the reconciler was woken.</summary>
    /// <returns>False: no such service.</returns>
    /// <exception cref="Storage.StorageException">It could not be made durable, and the service stays stopped.</exception>
    bool Start(string service, string by);

    /// <summary>Says what ingress does: a container that is sent requests is ended only once it has none.</summary>
    void Report(Traffic traffic);

    /// <summary>Says how what is not well is healed, and what ails the machine; also that what healing depends on has changed.</summary>
    void Report(Care care);

    /// <summary>
    /// Restarts the containers of a service in place, whatever their state; those of one that is sent requests one after the
    /// other. Once it is cancelled, no other one is begun.
    /// </summary>
    /// <param name="isPersonal">Whether a person asks; for anybody else nothing is begun during a hold or an update.</param>
    /// <exception cref="Storage.StorageException">A wish to keep it stopped could not be taken back durably.</exception>
    Task<RestartOutcome> RestartAsync(string service, string by, string reason, bool isPersonal, CancellationToken ct);

    /// <summary>
    /// Makes other containers for a service: its volumes stay, what was written into the containers goes. One that is sent
    /// requests goes once it has none, and one after the other. Once it is cancelled, no other one is begun.
    /// </summary>
    /// <param name="isPersonal">See <see cref="RestartAsync"/>.</param>
    /// <exception cref="Storage.StorageException">A wish to keep it stopped could not be taken back durably.</exception>
    Task<RestartOutcome> RecreateAsync(string service, string by, string reason, bool isPersonal, CancellationToken ct);
}

/// <summary>What came of a restart that somebody asked for.</summary>
internal abstract record RestartOutcome
{
    internal sealed record Restarted : RestartOutcome;

    internal sealed record NoSuchService : RestartOutcome;

    /// <param name="Why">A sentence: what the service waits for, or why its container did not start.</param>
    internal sealed record NotRestarted(string Why) : RestartOutcome;
}
