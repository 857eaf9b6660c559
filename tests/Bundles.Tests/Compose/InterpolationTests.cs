using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

public sealed class InterpolationTests
{
    [Theory]
    [InlineData("$SET", "value")]
    [InlineData("${SET}", "value")]
    [InlineData("a${SET}b$SET-c", "avaluebvalue-c")]
    [InlineData("$$SET $${SET} $$$SET", "$SET ${SET} $value")]
    [InlineData("${EMPTY}", "")]
    [InlineData("${EMPTY:-d}", "d")]
    [InlineData("${EMPTY-d}", "")]
    [InlineData("${NONE:-d}", "d")]
    [InlineData("${NONE-d}", "d")]
    [InlineData("${NONE:-}", "")]
    [InlineData("${SET:-d}", "value")]
    [InlineData("${SET:?gone}", "value")]
    [InlineData("${EMPTY?gone}", "")]
    [InlineData("${SET:+alt}", "alt")]
    [InlineData("${SET+alt}", "alt")]
    [InlineData("${EMPTY:+alt}", "")]
    [InlineData("${EMPTY+alt}", "alt")]
    [InlineData("${NONE:+alt}", "")]
    [InlineData("${NONE+alt}", "")]
    [InlineData("${NONE:-${EMPTY:-${SET}}}", "value")]
    [InlineData("${NONE:-a $SET b}", "a value b")]
    [InlineData("${NONE:-$$5}", "$5")]
    [InlineData("${SET:-${NONE}}", "value")]
    [InlineData("${SET:+${SET}!}", "value!")]
    [InlineData("{ $SET }", "{ value }")]
    public void A_value_is_interpolated(string text, string expected)
    {
        var model = Cases.Good(
            Cases.Parse(Cases.Service($"environment: {{A: '{text}'}}"), ("SET", "value"), ("EMPTY", ""))
        );
        Assert.Equal(expected, model.Services["web"].Environment["A"]);
    }

    [Theory]
    [InlineData(
        "A: $NONE",
        "6:10",
        "variable \"NONE\" is not set; set it in .env beside the Compose file, or give a default: \"${NONE:-value}\""
    )]
    [InlineData("A: \"ab ${NONE} $NO\"", "6:14", "variable \"NONE\" is not set")]
    [InlineData("A: '${NONE:?say it}'", "6:11", "variable \"NONE\" is required: say it")]
    [InlineData("A: '${EMPTY:?}'", "6:11", "variable \"EMPTY\" is required")]
    [InlineData("A: a $ b", "6:12", "a lone \"$\"; write \"$$\"")]
    [InlineData("A: a$", "6:11", "a lone \"$\"")]
    [InlineData("A: ${", "6:10", "a variable's name must follow \"${\"")]
    [InlineData("A: '${SET'", "6:11", "\"${SET\" must go on with \"}\"")]
    [InlineData("A: '${SET:-x'", "6:11", "\"${SET\" is not closed")]
    [InlineData("A: '${SET!x}'", "6:11", "\"${SET\" must go on with \"}\"")]
    [InlineData("A: '${NONE:-${ALSO:-x}'", "6:11", "\"${NONE\" is not closed")]
    [InlineData("A: |\n  one\n  two $NONE", "8:13", "variable \"NONE\" is not set")]
    [InlineData("A: >-\n  $$ok\n\n  ${NONE}", "9:9", "variable \"NONE\" is not set")]
    [InlineData("A: \"\\x41 ${NONE}\"", "6:16", "variable \"NONE\" is not set")]
    [InlineData("A: \"\\x24NONE\"", "6:10", "variable \"NONE\" is not set")]
    public void A_fault_is_reported_at_its_dollar_sign(string entry, string place, string message)
    {
        var yaml = Cases.Service("environment:\n" + string.Join('\n', entry.Split('\n').Select(l => "  " + l)));
        var finding = Cases.Findings(Cases.Parse(yaml, ("SET", "v"), ("EMPTY", "")))[0];
        Assert.StartsWith($"{place}: error: services.web.environment.A: {message}", finding);
    }

    [Fact]
    public void Keys_are_not_interpolated()
    {
        var model = Cases.Good(Cases.Parse(Cases.Service("labels: {$SET: x}"), ("SET", "v")));
        Assert.Equal("$SET", Assert.Single(model.Services["web"].Labels.Keys));
    }

    [Fact]
    public void What_a_variable_fills_in_may_be_a_number_or_boolean()
    {
        var service = Cases
            .Good(
                Cases.Parse(
                    Cases.Service("read_only: $B\ndeploy: {replicas: \"${N}\"}\nuser: ${N}"),
                    ("B", "true"),
                    ("N", "3")
                )
            )
            .Services["web"];
        Assert.True(service.ReadOnly);
        Assert.Equal(3, service.Deploy.Replicas);
        Assert.Equal("3", service.User);
    }

    [Fact]
    public void The_process_environment_is_not_consulted() =>
        Assert.Contains(
            "variable \"PATH\" is not set",
            Assert.Single(Cases.Findings(Cases.Parse(Cases.Service("user: $PATH"))))
        );

    [Fact]
    public void Nesting_has_a_limit()
    {
        var deep = string.Concat(Enumerable.Repeat("${A:-", 10_000)) + new string('}', 10_000);
        Assert.Contains("nested more than 16 deep", Cases.Findings(Cases.Parse(Cases.Service($"user: '{deep}'")))[0]);
    }

    [Fact]
    public void A_few_lines_cannot_ask_for_gigabytes()
    {
        var big = new string('x', 100_000);
        var yaml = Cases.Service(
            "labels:\n" + string.Join('\n', Enumerable.Range(0, 500).Select(i => $"  l{i}: $BIG"))
        );
        var findings = Cases.Findings(Cases.Parse(yaml, ("BIG", big)));
        Assert.Contains(findings, f => f.Contains("interpolation makes the text too long", StringComparison.Ordinal));
    }

    [Fact]
    public void Overrides_win_over_the_file_of_variables()
    {
        var folder = Directory.CreateTempSubdirectory("compose-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, ".env"), "A=file\nB=${A}-b\n");
            var options = new ComposeOptions { Variables = new Dictionary<string, string> { ["A"] = "given" } };
            var model = Cases.Good(Cases.Parse(Cases.Service("environment: [A, B]"), options, folder.FullName));
            Assert.Equal(["given", "given-b"], model.Services["web"].Environment.Values);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
