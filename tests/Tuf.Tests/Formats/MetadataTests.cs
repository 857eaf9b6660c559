using System.Text;
using System.Text.Json.Nodes;
using Appliance.Tuf;
using static Tuf.Tests.Refusals;

namespace Tuf.Tests.Formats;

/// <summary>What a role may say, and who must have signed it. Signatures are good unless a test says otherwise.</summary>
public sealed class MetadataTests : IDisposable
{
    private readonly Repository repository = new();

    public void Dispose() => repository.Dispose();

    [Theory]
    [InlineData("_type", "\"snapshot\"")]
    [InlineData("_type", null)]
    [InlineData("version", "0")]
    [InlineData("version", "-1")]
    [InlineData("version", "\"1\"")]
    [InlineData("version", null)]
    [InlineData("expires", "\"2027-01-01\"")]
    [InlineData("expires", "\"2027-01-01T00:00:00.5Z\"")]
    [InlineData("expires", "\"2027-01-01T00:00:00+00:00\"")]
    [InlineData("expires", "\"2027-02-30T00:00:00Z\"")]
    [InlineData("expires", null)]
    [InlineData("spec_version", "\"2.0.0\"")]
    [InlineData("spec_version", null)]
    [InlineData("keys", "[]")]
    [InlineData("keys", null)]
    [InlineData("roles", "{}")]
    [InlineData("consistent_snapshot", "\"yes\"")]
    public void A_root_with_a_member_that_is_wrong_is_refused_by_name(string member, string? value)
    {
        var refusal = Refuses(TufFault.Malformed, () => Pin(signed => Set(signed, member, value)));

        Assert.Contains(
            member is "_type" && value is not null ? "snapshot"
                : member is "roles" ? "root"
                : member,
            refusal.Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_threshold_of_nothing_is_refused() =>
        Refuses(TufFault.Malformed, () => Pin(signed => signed["roles"]!["root"]!["threshold"] = 0));

    [Fact]
    public void A_threshold_beyond_the_keys_is_never_met() =>
        Refuses(TufFault.Signature, () => Pin(signed => signed["roles"]!["root"]!["threshold"] = 2));

    [Fact]
    public void A_key_listed_many_times_counts_once() =>
        Refuses(
            TufFault.Signature,
            () =>
                Pin(signed =>
                {
                    var role = signed["roles"]!["root"]!;
                    role["threshold"] = 2;
                    role["keyids"]!.AsArray().Add(role["keyids"]![0]!.GetValue<string>());
                })
        );

    [Fact]
    public void A_key_under_two_ids_counts_once()
    {
        using var key = SigningKey.Generate();
        var twin = new JsonObject
        {
            ["keytype"] = "ecdsa",
            ["keyval"] = new JsonObject { ["public"] = key.Public.Public },
            ["scheme"] = "ecdsa-sha2-nistp256",
            ["x-name"] = "twin",
        };
        var twinId = IdOf(twin);
        repository.Use(RoleNames.Root, [key]);
        repository.Roots.Clear();
        var root = Edit(
            repository.AddRoot([key]),
            signed =>
            {
                signed["keys"]![twinId] = twin;
                signed["roles"]!["root"]!["threshold"] = 2;
                signed["roles"]!["root"]!["keyids"]!.AsArray().Add(twinId);
            }
        );
        var file = JsonNode.Parse(root)!;
        var own = file["signatures"]![0]!;
        file["signatures"]!
            .AsArray()
            .Add(new JsonObject { ["keyid"] = twinId, ["sig"] = own["sig"]!.GetValue<string>() });

        Assert.Single(UnverifiedMetadata.Root("root", Bytes(file)).Roles[RoleNames.Root].KeyIds, k => k == twinId);
        var parsed = RoleFiles.Root("root", Bytes(file));
        Assert.False(Authority.Of(parsed.Content, RoleNames.Root).Accepts(parsed.Envelope));
    }

    [Fact]
    public void A_key_whose_id_is_not_its_hash_is_refused() =>
        Refuses(
            TufFault.Malformed,
            () => Pin(signed => signed["keys"]!.AsObject().First().Value!["x-more"] = "changes the id")
        );

    [Fact]
    public void Unknown_members_are_part_of_what_is_signed()
    {
        Pin(signed => signed["x-more"] = new JsonObject { ["b"] = 1, ["a"] = "\n" });

        var root = Edit(repository.FirstRoot, signed => signed["x-more"] = 1);
        var changed = Encoding.UTF8.GetString(root).Replace("\"x-more\":1", "\"x-more\":2", StringComparison.Ordinal);
        Refuses(TufFault.Signature, () => OfflineVerification.Pin(Encoding.UTF8.GetBytes(changed)));
    }

    [Fact]
    public void A_key_id_that_signs_twice_is_refused_though_the_threshold_is_met()
    {
        var file = JsonNode.Parse(repository.FirstRoot.Span)!;
        file["signatures"]!.AsArray().Add(file["signatures"]![0]!.DeepClone());

        Refuses(TufFault.Malformed, () => OfflineVerification.Pin(Bytes(file)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("zz")]
    [InlineData("abc")]
    [InlineData("3045022100")]
    public void A_signature_that_is_none_is_passed_over_beside_a_good_one(string bad)
    {
        using var other = SigningKey.Generate();
        repository.Use(RoleNames.Root, [.. repository.KeysOf(RoleNames.Root), other]);
        repository.Roots.Clear();
        var file = JsonNode.Parse(repository.AddRoot().Span)!;
        foreach (var signature in file["signatures"]!.AsArray())
        {
            if (signature!["keyid"]!.GetValue<string>() == other.KeyId)
                signature["sig"] = bad;
        }
        file["signatures"]!.AsArray().Add(new JsonObject { ["keyid"] = "nobody", ["sig"] = bad });

        var root = RoleFiles.Root("root", Bytes(file));

        Assert.True(Authority.Of(root.Content, RoleNames.Root).Accepts(root.Envelope));
    }

    [Fact]
    public void Signatures_without_end_are_refused()
    {
        var file = JsonNode.Parse(repository.FirstRoot.Span)!;
        for (var i = 0; i < 300; i++)
            file["signatures"]!.AsArray().Add(new JsonObject { ["keyid"] = $"{i}", ["sig"] = "" });

        Refuses(TufFault.Malformed, () => OfflineVerification.Pin(Bytes(file)));
    }

    [Theory]
    [InlineData(
        """{"keys":{},"roles":[{"name":"root","keyids":[],"threshold":1,"paths":["*"],"terminating":false}]}"""
    )]
    [InlineData("""{"keys":{},"roles":[{"name":"","keyids":[],"threshold":1,"paths":["*"],"terminating":false}]}""")]
    [InlineData("""{"keys":{},"roles":[{"name":"a","keyids":[],"threshold":1,"terminating":false}]}""")]
    [InlineData("""{"keys":{},"roles":[{"name":"a","keyids":[],"threshold":1,"paths":["*"]}]}""")]
    [InlineData("""{"keys":{},"succinct_roles":{}}""")]
    [InlineData(
        """{"keys":{},"roles":[{"name":"a","keyids":[],"threshold":1,"paths":[],"terminating":false},{"name":"a","keyids":[],"threshold":1,"paths":[],"terminating":false}]}"""
    )]
    public void A_delegation_that_cannot_be_is_refused(string delegations)
    {
        var targets = Edit(
            repository.SignTargets(),
            signed => signed["delegations"] = JsonNode.Parse(delegations),
            RoleNames.Targets
        );

        Refuses(TufFault.Malformed, () => UnverifiedMetadata.Targets("targets.json", targets));
    }

    [Fact]
    public void What_is_written_says_what_was_given()
    {
        repository.Targets["demo/ü\"\\\n.json"] = TargetFile.Of("one"u8);
        repository.Delegations = new(
            new Dictionary<string, Key>(),
            [new("a/b", new(["x"], 2), Paths: null, ["0f"], Terminating: true)]
        );

        var read = UnverifiedMetadata.Targets("targets.json", repository.SignTargets());

        Assert.Equal(TargetFile.Of("one"u8).Hashes, read.Targets["demo/ü\"\\\n.json"].Hashes);
        var role = Assert.Single(read.Delegations!.Roles);
        Assert.Equal(("a/b", 2, true), (role.Name, role.Keys.Threshold, role.Terminating));
        Assert.Equal(["0f"], role.PathHashPrefixes);
    }

    private void Pin(Action<JsonObject> change) => OfflineVerification.Pin(Edit(repository.FirstRoot, change));

    private static void Set(JsonObject signed, string member, string? value)
    {
        if (value is null)
            signed.Remove(member);
        else
            signed[member] = JsonNode.Parse(value);
    }

    /// <summary>The file with its content changed, and signed again.</summary>
    private byte[] Edit(ReadOnlyMemory<byte> file, Action<JsonObject> change, string role = RoleNames.Root)
    {
        var signed = JsonNode.Parse(file.Span)!["signed"]!.AsObject();
        change(signed);
        return MetadataWriter.Sign(StrictJson.Parse("test", Bytes(signed), 100_000), repository.KeysOf(role));
    }

    private static string IdOf(JsonObject key) =>
        Convert.ToHexStringLower(
            System.Security.Cryptography.SHA256.HashData(
                CanonicalJson.ToSign(StrictJson.Parse("key", Bytes(key), 10_000))
            )
        );

    private static byte[] Bytes(JsonNode node) => Encoding.UTF8.GetBytes(node.ToJsonString());
}
