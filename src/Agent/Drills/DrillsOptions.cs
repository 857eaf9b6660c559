using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Drills;

/// <summary>Section <c>drills</c>: disasters on purpose.</summary>
internal sealed class DrillsOptions : IValidatableObject
{
    public const string Section = "drills";

    /// <summary>Requests a second that are sent to the application meanwhile.</summary>
    [Range(1, 500)]
    public int Rate { get; set; } = 50;

    /// <summary>A request without an answer for so long is lost.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>MiB of the disk that are left free whatever is filled.</summary>
    [Range(8, 1024 * 1024)]
    public int Reserve { get; set; } = 32;

    /// <summary>Whether something other than systemd starts the agent again when it is killed.</summary>
    public bool AgentComesBack { get; set; }

    /// <summary>Whether something other than systemd starts HAProxy again when it is killed.</summary>
    public bool IngressComesBack { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (RequestTimeout < TimeSpan.FromMilliseconds(100) || RequestTimeout > TimeSpan.FromSeconds(30))
            yield return new("request-timeout must be from 100ms to 30s");
    }
}

[OptionsValidator]
internal sealed partial class DrillsOptionsValidator : IValidateOptions<DrillsOptions>;
