namespace Appliance.Agent.Control;

/// <summary>What a caller may do; each includes the ones before.</summary>
internal enum Role
{
    None,
    Viewer,
    Operator,
    Admin,
}

internal static class RoleNames
{
    /// <summary>As in audit records and messages.</summary>
    public static string InWords(this Role role) => role.ToString().ToLowerInvariant();
}
