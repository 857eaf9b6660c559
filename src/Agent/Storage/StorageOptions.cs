using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Storage;

/// <summary>Section <c>storage</c> of the agent's configuration.</summary>
internal sealed class StorageOptions
{
    public const string Section = "storage";

    /// <summary>The agent's state folder, absolute. Created with mode 0700.</summary>
    [Required, RegularExpression("/.+", ErrorMessage = "data-directory must be an absolute path")]
    public string DataDirectory { get; set; } = "/var/lib/appliance-agent";

    /// <summary>How many events are kept; the oldest go first.</summary>
    [Range(100, 10_000_000)]
    public int EventsKept { get; set; } = 20_000;
}

[OptionsValidator]
internal sealed partial class StorageOptionsValidator : IValidateOptions<StorageOptions>;
