using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Supervision;

/// <summary>Section <c>supervision</c>: the pace of repairs.</summary>
internal sealed class SupervisionOptions : IValidatableObject
{
    public const string Section = "supervision";

    /// <summary>A full look at the engine, in case that an event was lost.</summary>
    public TimeSpan Resync { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The wait before the second try in a row; it doubles with each further one.</summary>
    public TimeSpan BackoffFirst { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait between two tries. There is no last try.</summary>
    public TimeSpan BackoffCeiling { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>A run of this length forgives the failures before it.</summary>
    public TimeSpan StableAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>A replica that changes between healthy and unhealthy more often than this flaps.</summary>
    [Range(2, 1000)]
    public int FlappingAfter { get; set; } = 6;

    /// <summary>The time in which it does.</summary>
    public TimeSpan FlappingWithin { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long one that flaps has to be healthy until it counts as healthy.</summary>
    public TimeSpan SteadyAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>MiB of its output that are kept of a container that is made from now on, whatever its release says.</summary>
    [Range(1, 100 * 1024)]
    public int LogCap { get; set; } = 100;

    public FlapRule Flapping => new(FlappingAfter, FlappingWithin, SteadyAfter);

    public Backoff Backoff => new(BackoffFirst, BackoffCeiling, StableAfter);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Resync < TimeSpan.FromSeconds(5) || Resync > TimeSpan.FromDays(1))
            yield return new("resync must be from 5s to 1d");
        if (BackoffFirst < TimeSpan.FromMilliseconds(100))
            yield return new("backoff-first must be 100ms or more");
        if (BackoffCeiling > TimeSpan.FromDays(1))
            yield return new("backoff-ceiling must be 1d or less");
        if (StableAfter < TimeSpan.FromSeconds(1) || StableAfter > TimeSpan.FromDays(1))
            yield return new("stable-after must be from 1s to 1d");
        if (FlappingWithin < TimeSpan.FromSeconds(1) || FlappingWithin > TimeSpan.FromDays(1))
            yield return new("flapping-within must be from 1s to 1d");
        if (SteadyAfter < TimeSpan.FromSeconds(1) || SteadyAfter > TimeSpan.FromHours(1))
            yield return new("steady-after must be from 1s to 1h");
        if (BackoffFirst > BackoffCeiling)
            yield return new("backoff-first must not be longer than backoff-ceiling");
    }
}

[OptionsValidator]
internal sealed partial class SupervisionOptionsValidator : IValidateOptions<SupervisionOptions>;
