namespace Appliance.Tuf;

/// <summary>Who may sign for a role, by the word of whoever delegates to it.</summary>
internal sealed record Authority(string RoleName, IReadOnlyDictionary<string, Key> Keys, RoleKeys Role)
{
    public static Authority Of(RootMetadata root, string role) => new(role, root.Keys, root.Roles[role]);

    public static Authority Of(Delegations delegations, DelegatedRole role) =>
        new(role.Name, delegations.Keys, role.Keys);

    /// <exception cref="TufException">Too few of the role's keys have signed.</exception>
    public void Demand(Envelope envelope)
    {
        var signers = CountSigners(envelope);
        if (signers < Role.Threshold)
            throw new TufException(
                TufFault.Signature,
                envelope.File,
                $"is signed by {signers} of the keys of '{RoleName}', and needs {Role.Threshold}"
            );
    }

    public bool Accepts(Envelope envelope) => CountSigners(envelope) >= Role.Threshold;

    private int CountSigners(Envelope envelope)
    {
        // By the key itself too: one that is listed under two ids, or written in two ways, is still one signer.
        var signers = new HashSet<string>();
        foreach (var signature in envelope.Signatures)
        {
            if (signers.Count >= Role.Threshold)
                break;
            if (
                Role.KeyIds.Contains(signature.KeyId)
                && Keys.TryGetValue(signature.KeyId, out var key)
                && !signers.Contains(key.Material)
                && key.Verifies(envelope.Signed.Span, signature.Value.Span)
            )
                signers.Add(key.Material);
        }
        return signers.Count;
    }
}
