namespace Appliance.Agent.Control;

/// <param name="Actor"><c>uid:1000 (alice)</c>: what wishes, events and audit records name.</param>
/// <param name="WhyNone">Why there is no role; null when there is one.</param>
internal sealed record Caller(uint Uid, string Actor, Role Role, string? WhyNone);

/// <summary>The groups whose members have a role.</summary>
internal sealed record RoleGroups(string Viewer, string Operator, string Admin)
{
    public static readonly RoleGroups Default = new("appliance-viewer", "appliance-operator", "appliance-admin");
}

/// <summary>Turns the process at the other end into a caller with a role.</summary>
internal sealed class Callers(RoleGroups groups, TimeProvider clock)
{
    // Groups change while the agent runs, but not so often that each call must ask the system.
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private long? askedAt;
    private (uint? Viewer, uint? Operator, uint? Admin) ids;

    public Caller Of(Peer peer)
    {
        var name = Accounts.UserName(peer.Uid);
        var actor = name is null ? $"uid:{peer.Uid}" : $"uid:{peer.Uid} ({name})";
        if (peer.IsForeign)
            return new(peer.Uid, actor, Role.None, "the caller is in another PID namespace, or has ended");
        var role = RoleOf(peer);
        var why =
            role == Role.None
                ? $"only root and members of {groups.Viewer}, {groups.Operator} and {groups.Admin} may"
                : null;
        return new(peer.Uid, actor, role, why);
    }

    public Role RoleOf(Peer peer)
    {
        if (peer.IsForeign)
            return Role.None;
        if (peer.Uid == 0)
            return Role.Admin;
        var (viewer, @operator, admin) = Ids();
        if (IsIn(admin))
            return Role.Admin;
        if (IsIn(@operator))
            return Role.Operator;
        return IsIn(viewer) ? Role.Viewer : Role.None;

        bool IsIn(uint? group) => group is { } id && (peer.Gid == id || peer.Groups.Contains(id));
    }

    private (uint? Viewer, uint? Operator, uint? Admin) Ids()
    {
        lock (gate)
        {
            if (askedAt is not { } asked || clock.GetElapsedTime(asked) > Remembered)
            {
                ids = (
                    Accounts.GroupId(groups.Viewer),
                    Accounts.GroupId(groups.Operator),
                    Accounts.GroupId(groups.Admin)
                );
                askedAt = clock.GetTimestamp();
            }
            return ids;
        }
    }
}
