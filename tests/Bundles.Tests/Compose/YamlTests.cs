using System.Text;
using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>What YAML itself can get wrong, and what it can be abused for.</summary>
public sealed class YamlTests
{
    public static TheoryData<string, string> Faults =>
        new()
        {
            { "", "1:1: error: the file is empty" },
            { "# only a comment\n", "1:1: error: the file is empty" },
            { "name: t\nname: u", "2:1: error: duplicate key \"name\"; it stands in line 1 already" },
            { "a: 1\n---\nb: 2", "2:1: error: a second document" },
            { "a: *nothing", "1:4: error: unknown alias \"*nothing\"" },
            { "a: &x [*x]", "1:8: error: the alias \"*x\" stands inside the node that it names" },
            { "a: !custom x", "1:4: error: the tag \"!custom\" is not supported" },
            { "a: !!binary aGk=", "1:4: error: the tag \"tag:yaml.org,2002:binary\" is not supported" },
            { "[a]: b", "1:1: error: a key must be text, not a list" },
            { "a:\n  <<: 5", "2:3: error: \"<<\" merges a mapping or a list of mappings, not a number" },
            { "a: [1, 2", "2:1: error: not valid YAML: " },
            { "a: {b: [c, d: e\nf: g", "2:1: error: not valid YAML: unexpected text" },
            { "a: b: c", "1:5: error: not valid YAML: " },
            { "a:\n\t- b", "1:1: error: not valid YAML: " },
            { "a: \"\\0\"", "1:4: error: holds a NUL character" },
        };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_reported_where_it_stands(string yaml, string expected) =>
        Assert.StartsWith(expected, Cases.Findings(Cases.Parse(yaml))[0]);

    [Fact]
    public void Own_keys_win_over_merged_ones_and_earlier_merges_over_later_ones()
    {
        var model = Cases.Good(
            """
            name: t
            x-a: &a {image: "a:1", user: "1"}
            x-b: &b {image: "b:1", user: "2", hostname: b, environment: {B: b}}
            services:
              one: {user: "9", <<: [*a, *b]}
              two:
                <<: *b
                environment: {C: c}
            """
        );
        var (one, two) = (model.Services["one"], model.Services["two"]);
        Assert.Equal(("a:1", "9", "b"), ($"{one.Image}", one.User, one.Hostname));
        Assert.Equal(["C"], two.Environment.Keys); // a merge is shallow
    }

    [Fact]
    public void Anchors_are_shared_and_their_findings_name_each_use()
    {
        var result = Cases.Parse("name: t\nservices:\n  a: &a {image: \"a:1\", usr: x}\n  b: *a\n");
        Assert.Equal(
            [
                "3:24: error: services.a.usr: unknown key; did you mean \"user\"?",
                "3:24: error: services.b.usr: unknown key; did you mean \"user\"?",
            ],
            Cases.Findings(result)
        );
    }

    [Fact]
    public void Line_ends_of_windows_and_a_byte_order_mark_change_no_place()
    {
        var yaml = "\uFEFF" + Cases.Service("user: 5\nlabels: {a: \"é $NONE\"}").ReplaceLineEndings("\r\n");
        Assert.Equal(["5:11", "6:20"], Cases.Findings(Cases.Parse(yaml)).Select(f => f[..4]));
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_refused_with_their_place()
    {
        var result = ComposeLoader.Parse(
            [.. "name: t\nx: \""u8, 0xc3, 0x28],
            "c.yaml",
            Cases.NoFolder,
            ComposeOptions.Default
        );
        Assert.Equal(
            "c.yaml:2:5: error: not UTF-8 text; save the file as UTF-8",
            Assert.Single(result.Diagnostics).ToString()
        );
    }

    [Fact]
    public void An_alias_bomb_is_refused()
    {
        var bomb = new StringBuilder("name: t\nx-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 30; i++)
            bomb.Append($"x-{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        Assert.Contains("with its aliases written out", Assert.Single(Cases.Findings(Cases.Parse(bomb.ToString()))));
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        var deep = new string('[', 50_000) + new string(']', 50_000);
        Assert.Contains("nested more than 64 levels deep", Assert.Single(Cases.Findings(Cases.Parse("a: " + deep))));
    }

    [Fact]
    public void A_huge_file_is_refused() =>
        Assert.Contains(
            "the file has more than 1048576 bytes",
            Assert.Single(Cases.Findings(Cases.Parse("a: " + new string('x', 2_000_000))))
        );

    [Fact]
    public void Too_many_nodes_are_refused() =>
        Assert.Contains(
            "more than 100000 nodes",
            Assert.Single(Cases.Findings(Cases.Parse("a: [" + string.Join(',', Enumerable.Repeat("1", 110_000)) + "]")))
        );

    [Fact]
    public void Findings_without_number_are_cut_off_and_counted()
    {
        var findings = Cases.Findings(
            Cases.Parse(Cases.Service(string.Join('\n', Enumerable.Range(0, 500).Select(i => $"zz{i}: 1"))))
        );
        Assert.Equal(201, findings.Length);
        Assert.Equal("1:1: error: and 300 more; mend these first", findings[^1]);
    }
}
