using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

/// <summary>Section <c>disk</c>: when a disk is getting full, and what is kept for then.</summary>
internal sealed class DiskOptions : IValidatableObject
{
    public const string Section = "disk";

    private const int Most = 1024 * 1024;

    /// <summary>Per cent used from which a disk is low.</summary>
    [Range(1, 98)]
    public int LowWatermark { get; set; } = 85;

    /// <summary>MiB free with which no disk is low, however large it is.</summary>
    [Range(1, Most)]
    public int LowFree { get; set; } = 10 * 1024;

    /// <summary>Per cent used from which a disk is nearly full.</summary>
    [Range(2, 99)]
    public int HighWatermark { get; set; } = 95;

    /// <summary>MiB free with which no disk is nearly full.</summary>
    [Range(1, Most)]
    public int HighFree { get; set; } = 1024;

    /// <summary>MiB of the disk of the state that are taken until it is nearly full; 0: none are.</summary>
    [Range(0, Most)]
    public int Reserve { get; set; } = 64;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (LowWatermark >= HighWatermark)
            yield return new("low-watermark must be below high-watermark");
        if (LowFree < HighFree)
            yield return new("low-free must not be below high-free");
    }
}

[OptionsValidator]
internal sealed partial class DiskOptionsValidator : IValidateOptions<DiskOptions>;
