using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Host;

/// <summary>Section <c>engine</c>: which container engine is supervised.</summary>
internal sealed class EngineOptions
{
    public const string Section = "engine";

    [RegularExpression("unix:///.+", ErrorMessage = "endpoint must be unix:///path/to/docker.sock")]
    public string Endpoint { get; set; } = "unix:///var/run/docker.sock";
}

/// <summary>Section <c>logging</c>: what goes to the journal.</summary>
internal sealed class LoggingOptions
{
    public const string Section = "logging";

    [EnumDataType(typeof(LogLevel))]
    public LogLevel Level { get; set; } = LogLevel.Information;
}

[OptionsValidator]
internal sealed partial class EngineOptionsValidator : IValidateOptions<EngineOptions>;

[OptionsValidator]
internal sealed partial class LoggingOptionsValidator : IValidateOptions<LoggingOptions>;
