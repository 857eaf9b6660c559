using System.Buffers;
using System.Text.Json;

namespace Appliance.Tuf;

/// <summary>
/// Renders and signs metadata: <c>{"signatures":[…],"signed":…}</c> in canonical form. The same content gives the same
/// <c>signed</c>; signatures differ each time.
/// </summary>
public static class MetadataWriter
{
    private const string SpecificationVersion = "1.0.31";

    public static ReadOnlyMemory<byte> Write(RootMetadata root, IReadOnlyList<SigningKey> signers) =>
        Write(
            root,
            RoleNames.Root,
            signers,
            json =>
            {
                json.WriteBoolean("consistent_snapshot", root.ConsistentSnapshot);
                WriteKeys(json, root.Keys);
                json.WriteStartObject("roles");
                foreach (var (name, role) in root.Roles)
                {
                    json.WriteStartObject(name);
                    WriteRoleKeys(json, role);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
        );

    public static ReadOnlyMemory<byte> Write(TimestampMetadata timestamp, IReadOnlyList<SigningKey> signers) =>
        Write(
            timestamp,
            RoleNames.Timestamp,
            signers,
            json => WriteFiles(json, [KeyValuePair.Create("snapshot.json", timestamp.Snapshot)])
        );

    public static ReadOnlyMemory<byte> Write(SnapshotMetadata snapshot, IReadOnlyList<SigningKey> signers) =>
        Write(snapshot, RoleNames.Snapshot, signers, json => WriteFiles(json, snapshot.Files));

    public static ReadOnlyMemory<byte> Write(TargetsMetadata targets, IReadOnlyList<SigningKey> signers) =>
        Write(
            targets,
            RoleNames.Targets,
            signers,
            json =>
            {
                if (targets.Delegations is { } delegations)
                    WriteDelegations(json, delegations);
                json.WriteStartObject("targets");
                foreach (var (path, file) in targets.Targets)
                {
                    json.WriteStartObject(path);
                    json.WriteNumber("length", file.Length);
                    WriteHashes(json, file.Hashes);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
        );

    /// <summary>Signs something of one's own as metadata is signed; for tests of what this class would never write.</summary>
    internal static byte[] Sign(JsonElement signed, IReadOnlyList<SigningKey> signers)
    {
        var canonical = CanonicalJson.ToSign(signed);
        var signatures = Render(json =>
        {
            json.WriteStartArray();
            foreach (var signer in signers.OrderBy(s => s.KeyId, StringComparer.Ordinal))
            {
                json.WriteStartObject();
                json.WriteString("keyid", signer.KeyId);
                json.WriteString("sig", Convert.ToHexStringLower(signer.Sign(canonical)));
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
        return Envelope.Render(signatures.Span, signed);
    }

    internal static void WriteKey(Utf8JsonWriter json, Key key)
    {
        json.WriteStartObject();
        json.WriteString("keytype", key.KeyType);
        json.WriteStartObject("keyval");
        json.WriteString("public", key.Public);
        json.WriteEndObject();
        json.WriteString("scheme", key.Scheme);
        json.WriteEndObject();
    }

    private static ReadOnlyMemory<byte> Write(
        Metadata metadata,
        string type,
        IReadOnlyList<SigningKey> signers,
        Action<Utf8JsonWriter> writeRest
    )
    {
        // In any order: signing sorts.
        var signed = Render(json =>
        {
            json.WriteStartObject();
            json.WriteString("_type", type);
            json.WriteString("spec_version", SpecificationVersion);
            json.WriteNumber("version", metadata.Version);
            json.WriteString("expires", Moments.Write(metadata.Expires));
            writeRest(json);
            json.WriteEndObject();
        });
        return Sign(StrictJson.Parse($"{type}.json", signed, signed.Length), signers);
    }

    private static void WriteKeys(Utf8JsonWriter json, IReadOnlyDictionary<string, Key> keys)
    {
        json.WriteStartObject("keys");
        foreach (var (id, key) in keys)
        {
            json.WritePropertyName(id);
            WriteKey(json, key);
        }
        json.WriteEndObject();
    }

    private static void WriteRoleKeys(Utf8JsonWriter json, RoleKeys role)
    {
        WriteList(json, "keyids", role.KeyIds);
        json.WriteNumber("threshold", role.Threshold);
    }

    private static void WriteFiles(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, MetadataFile>> files)
    {
        json.WriteStartObject("meta");
        foreach (var (name, file) in files)
        {
            json.WriteStartObject(name);
            json.WriteNumber("version", file.Version);
            if (file.Length is { } length)
                json.WriteNumber("length", length);
            if (file.Hashes is { } hashes)
                WriteHashes(json, hashes);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void WriteHashes(Utf8JsonWriter json, IReadOnlyDictionary<string, string> hashes)
    {
        json.WriteStartObject("hashes");
        foreach (var (algorithm, hash) in hashes)
            json.WriteString(algorithm, hash);
        json.WriteEndObject();
    }

    private static void WriteDelegations(Utf8JsonWriter json, Delegations delegations)
    {
        json.WriteStartObject("delegations");
        WriteKeys(json, delegations.Keys);
        json.WriteStartArray("roles");
        foreach (var role in delegations.Roles)
        {
            json.WriteStartObject();
            json.WriteString("name", role.Name);
            WriteRoleKeys(json, role.Keys);
            if (role.Paths is { } paths)
                WriteList(json, "paths", paths);
            if (role.PathHashPrefixes is { } prefixes)
                WriteList(json, "path_hash_prefixes", prefixes);
            json.WriteBoolean("terminating", role.Terminating);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter json, string name, IReadOnlyList<string> items)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
            json.WriteStringValue(item);
        json.WriteEndArray();
    }

    private static ReadOnlyMemory<byte> Render(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
            write(json);
        return buffer.WrittenMemory;
    }
}
