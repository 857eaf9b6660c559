using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Sources;

internal sealed class SourcesOptions
{
    public const string Section = "sources";

    /// <summary>The folder of the release to run; null: none is installed.</summary>
    [MinLength(1)]
    public string? Release { get; set; }
}

[OptionsValidator]
internal sealed partial class SourcesOptionsValidator : IValidateOptions<SourcesOptions>;
