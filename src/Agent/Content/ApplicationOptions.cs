using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Content;

/// <summary>Section <c>application</c>: what this appliance gives to any release that it runs.</summary>
internal sealed partial class ApplicationOptions : IValidatableObject
{
    public const string Section = "application";

    /// <summary>Values for the variables of the Compose file; they win over those of the release's <c>.env</c>.</summary>
    public Dictionary<string, string> Variables { get; set; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        Variables
            .Keys.Where(name => !VariableName().IsMatch(name))
            .Select(name => new ValidationResult($"variables: \"{name}\" is no name of a variable, such as HTTP_PORT"));

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]*\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex VariableName();
}

[OptionsValidator]
internal sealed partial class ApplicationOptionsValidator : IValidateOptions<ApplicationOptions>;
