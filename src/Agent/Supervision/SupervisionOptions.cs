using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Supervision;

internal sealed class SupervisionOptions : IValidatableObject
{
    public const string Section = "supervision";

    /// <summary>A full look at the engine, in case that an event was lost.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "1.00:00:00")]
    public TimeSpan Resync { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The wait before the second try in a row; it doubles with each further one.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:05:00")]
    public TimeSpan BackoffFirst { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait between two tries. There is no last try.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan BackoffCeiling { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>A run of this length forgives the failures before it.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan StableAfter { get; set; } = TimeSpan.FromMinutes(1);

    public Backoff Backoff => new(BackoffFirst, BackoffCeiling, StableAfter);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (BackoffFirst > BackoffCeiling)
            yield return new("backoff-first must not be longer than backoff-ceiling");
    }
}

[OptionsValidator]
internal sealed partial class SupervisionOptionsValidator : IValidateOptions<SupervisionOptions>;
