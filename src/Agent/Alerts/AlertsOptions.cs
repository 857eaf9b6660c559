using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Alerts;

/// <summary>Section <c>alerts</c>: where the alerts of a monitoring system are received.</summary>
internal sealed class AlertsOptions : IValidatableObject
{
    public const string Section = "alerts";

    /// <summary>What turns it off whatever tokens there are.</summary>
    private const string Off = "off";

    /// <summary>Address and port of this machine only: what comes in is not encrypted.</summary>
    [Required]
    public string Listen { get; set; } = "127.0.0.1:9099";

    /// <summary>Requests of one token; as many may come at once.</summary>
    [Range(1, 6000)]
    public int RequestsPerMinute { get; set; } = 120;

    /// <summary>Null: nothing is received.</summary>
    public IPEndPoint? ToEndPoint() => Listen != Off && IPEndPoint.TryParse(Listen, out var endpoint) ? endpoint : null;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Listen != Off && ToEndPoint() is not { Port: > 0 })
            yield return new("listen must be an address and a port, as 127.0.0.1:9099, or off");
        else if (ToEndPoint() is { } endpoint && !IPAddress.IsLoopback(endpoint.Address))
            yield return new("listen must be an address of this machine only, as 127.0.0.1 or [::1]");
    }
}

[OptionsValidator]
internal sealed partial class AlertsOptionsValidator : IValidateOptions<AlertsOptions>;
