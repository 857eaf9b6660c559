using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Sources;

/// <summary>Section <c>sources</c>: what the agent runs.</summary>
internal sealed class SourcesOptions : IValidatableObject
{
    public const string Section = "sources";

    /// <summary>The folder of the release to run; null: none is installed.</summary>
    public string? Release { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Release is not null && !Path.IsPathFullyQualified(Release))
            yield return new($"release must be an absolute path, and is \"{Release}\"");
    }
}

[OptionsValidator]
internal sealed partial class SourcesOptionsValidator : IValidateOptions<SourcesOptions>;
