using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>Section <c>updates</c>: how patient an update is.</summary>
internal sealed class UpdatesOptions : IValidatableObject
{
    public const string Section = "updates";

    /// <summary>What a service may take to become healthy, beyond the start period that it declares.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Restarts of a new container before the update is taken back; being unhealthy takes it back at once.</summary>
    [Range(1, 100)]
    public int Attempts { get; set; } = 3;

    /// <summary>
    /// What part of the requests to new containers may fail beyond what fails of those to the ones before, 0 to 1; more than
    /// that takes the update back. A release that is tried first (canary) says it for itself until it is promoted.
    /// </summary>
    public decimal MaxErrorRatio { get; set; } = 0.02m;

    /// <summary>How long a bundle that was taken in waits to be installed.</summary>
    public TimeSpan StagedFor { get; set; } = TimeSpan.FromHours(1);

    /// <summary>For how long what a volume held before an upgrade is kept, for a rollback.</summary>
    public TimeSpan SnapshotRetention { get; set; } = TimeSpan.FromDays(7);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (StartTimeout < TimeSpan.FromSeconds(1) || StartTimeout > TimeSpan.FromDays(1))
            yield return new("start-timeout must be between 1s and 1d");
        if (MaxErrorRatio is < 0 or > 1)
            yield return new("max-error-ratio must be between 0 and 1");
        if (StagedFor < TimeSpan.FromSeconds(1) || StagedFor > TimeSpan.FromDays(7))
            yield return new("staged-for must be between 1s and 7d");
        if (SnapshotRetention < TimeSpan.FromSeconds(1) || SnapshotRetention > TimeSpan.FromDays(365))
            yield return new("snapshot-retention must be between 1s and 365d");
    }
}

[OptionsValidator]
internal sealed partial class UpdatesOptionsValidator : IValidateOptions<UpdatesOptions>;
