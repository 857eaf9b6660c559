using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>Section <c>updates</c>: how patient an update is.</summary>
internal sealed class UpdatesOptions
{
    public const string Section = "updates";

    /// <summary>What a service may take to become healthy, beyond the start period that it declares.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Restarts of a new container before the update is taken back; being unhealthy takes it back at once.</summary>
    [Range(1, 100)]
    public int Attempts { get; set; } = 3;

    /// <summary>How long a bundle that was taken in waits to be installed.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00")]
    public TimeSpan StagedFor { get; set; } = TimeSpan.FromHours(1);
}

[OptionsValidator]
internal sealed partial class UpdatesOptionsValidator : IValidateOptions<UpdatesOptions>;
