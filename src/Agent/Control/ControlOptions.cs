using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Control;

/// <summary>Section <c>control</c>: where the agent is reached on this machine.</summary>
internal sealed class ControlOptions
{
    public const string Section = "control";

    // sun_path holds 108 bytes with the NUL at its end.
    [
        Required,
        RegularExpression("/.{1,106}", ErrorMessage = "socket must be an absolute path of at most 107 characters")
    ]
    public string Socket { get; set; } = "/run/appliance-agent/agent.sock";
}

[OptionsValidator]
internal sealed partial class ControlOptionsValidator : IValidateOptions<ControlOptions>;
