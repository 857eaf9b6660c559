using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Sources;

/// <summary>Section <c>sources</c>: where releases come from.</summary>
internal sealed class SourcesOptions : IValidatableObject
{
    public const string Section = "sources";

    /// <summary>The bundle to install while nothing is installed, as on the first boot; null: wait for an upload.</summary>
    public string? FirstBundle { get; set; }

    /// <summary>How long somebody who uploads a bundle may be silent.</summary>
    public TimeSpan UploadPatience { get; set; } = TimeSpan.FromMinutes(1);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (FirstBundle is not null && !Path.IsPathFullyQualified(FirstBundle))
            yield return new($"first-bundle must be an absolute path, and is \"{FirstBundle}\"");
        if (UploadPatience < TimeSpan.FromSeconds(1) || UploadPatience > TimeSpan.FromHours(1))
            yield return new("upload-patience must be between 1s and 1h");
    }
}

[OptionsValidator]
internal sealed partial class SourcesOptionsValidator : IValidateOptions<SourcesOptions>;
