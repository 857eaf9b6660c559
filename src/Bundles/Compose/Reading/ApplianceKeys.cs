namespace Appliance.Bundles.Compose.Reading;

/// <summary>Keys of <c>x-appliance</c> that have a meaning to come; until they have it, to accept one would be a lie.</summary>
internal static class ApplianceKeys
{
    public static readonly IReadOnlyDictionary<string, string> Later = new[]
    {
        "allowances",
        "backup",
        "backups",
        "volumes",
    }.ToDictionary(k => k, k => $"x-appliance.{k} is not supported by this version; remove it");
}
