using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Trust;

/// <summary>Section <c>trust</c>: whose releases this appliance runs.</summary>
internal sealed class TrustOptions : IValidatableObject
{
    public const string Section = "trust";

    /// <summary>The signer's root metadata, given when the appliance is made; null: no release is accepted.</summary>
    public string? Root { get; set; }

    /// <summary>The product that may be installed; null: the first one that is.</summary>
    public string? Product { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Root is not null && !Path.IsPathFullyQualified(Root))
            yield return new($"root must be an absolute path, and is \"{Root}\"");
    }
}

[OptionsValidator]
internal sealed partial class TrustOptionsValidator : IValidateOptions<TrustOptions>;
