using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Drills;

/// <param name="Hits">What is hit, by its name.</param>
/// <param name="Does">What is done to it, as in "kills web-1".</param>
/// <param name="Undo">What puts it right; null: the appliance does, or nobody has to.</param>
internal sealed record Injection(string Hits, string Does, Undo? Undo);

/// <summary>A disaster that can be brought about on purpose.</summary>
internal abstract class Disaster
{
    /// <summary>As people type it.</summary>
    public abstract string Name { get; }

    /// <summary>What it does, in a sentence without its full stop.</summary>
    public abstract string What { get; }

    /// <summary>Why it cannot be brought about here, a sentence without its full stop; null: it can.</summary>
    public virtual Task<string?> WhyNotAsync(Target target, CancellationToken ct) => Task.FromResult<string?>(null);

    /// <summary>As <see cref="WhyNotAsync"/>, what takes longer to find out than a list may: asked right before it is planned.</summary>
    public virtual Task<string?> WhyNotAfterAllAsync(Target target, CancellationToken ct) =>
        Task.FromResult<string?>(null);

    public abstract Expectation Expect(Target target, bool isShort);

    /// <summary>What is about to be done, with what undoes it. Changes nothing.</summary>
    public abstract Task<Injection> PlanAsync(Target target, CancellationToken ct);

    /// <summary>Brings it about.</summary>
    /// <exception cref="InjectionException">It could not be.</exception>
    public abstract Task InjectAsync(Target target, Injection injection, CancellationToken ct);

    /// <summary>Asked when nobody has noticed it in time, and it is not undone yet.</summary>
    /// <returns>Why there was nothing to be noticed, a sentence without its full stop; null: there was.</returns>
    public virtual Task<string?> WhyNoEffectAsync(Target target, CancellationToken ct) =>
        Task.FromResult<string?>(null);

    /// <returns>What the agent's view says of it; null: nothing.</returns>
    public virtual string? NoticedIn(SupervisionView view, Target target) =>
        view.Service(target.Service) is { } service && !Wellness.IsWell(service)
            ? $"{service.Name}: {service.Explanation.TrimEnd('.')}"
            : null;

    /// <summary>Whether an event of the agent tells of it.</summary>
    public virtual bool IsToldBy(StoredEvent e, Target target) => e.Service == target.Service;
}

/// <summary>It was to be brought about, and was not.</summary>
internal sealed class InjectionException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether a part of it was brought about all the same.</summary>
    public bool HasBegun { get; init; }
}

/// <summary>All disasters, in the order in which a drill of all of them brings them about.</summary>
internal sealed class Catalogue(IEnumerable<Disaster> disasters)
{
    public IReadOnlyList<Disaster> All { get; } = [.. disasters];

    public Disaster? Find(string name) => All.FirstOrDefault(d => d.Name == name);
}
