using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>What a release says that an appliance has to be like.</summary>
public sealed class RequirementsTests
{
    private const string Head = "name: test\nservices:\n  web: {image: \"nginx:1\"}\nx-appliance:\n";

    public static TheoryData<string, string> Faults =>
        new()
        {
            {
                "  requirements: [agent]",
                "5:17: error: x-appliance.requirements: must be a mapping of agent, disk and memory, not a list"
            },
            { "  requirements:", "5:3: error: x-appliance.requirements: has no value" },
            {
                "  requirements: {agnet: \">=1.0.0\"}",
                "5:18: error: x-appliance.requirements.agnet: unknown key; did you mean \"agent\"?"
            },
            {
                "  requirements: {processors: 2}",
                "5:18: error: x-appliance.requirements.processors: unknown key in a mapping of requirements; known are: agent, disk, memory"
            },
            {
                "  requirements: {x-mine: 2}",
                "5:18: error: x-appliance.requirements.x-mine: unknown key in a mapping of requirements"
            },
            {
                "  requirements: {engine: \">=20.10.0\"}",
                "5:18: error: x-appliance.requirements.engine: the engine is the appliance's own"
            },
            {
                "  requirements:\n    disk: 20gb\n    agent: \"1.x\"",
                "7:12: error: x-appliance.requirements.agent: \"1.x\" is not a range of versions, like \">=1.0.0 <3.0.0\""
            },
            {
                "  requirements: {agent: 1.0}",
                "5:25: error: x-appliance.requirements.agent: must be a string, not a number; put it in quotes: \"1.0\""
            },
            { "  requirements: {agent: \"\"}", "5:25: error: x-appliance.requirements.agent: must not be empty" },
            {
                "  requirements: {disk: 20 gigabytes}",
                "5:24: error: x-appliance.requirements.disk: \"20 gigabytes\" is not a size, like 64m, 1.5g or 1048576"
            },
            { "  requirements: {disk: -1}", "5:24: error: x-appliance.requirements.disk: \"-1\" is not a size" },
            { "  requirements: {disk: }", "5:18: error: x-appliance.requirements.disk: has no value" },
            {
                "  requirements: {memory: 0}",
                "5:26: error: x-appliance.requirements.memory: must be more than 0; remove it if there is nothing to require"
            },
            {
                "  requirements: {memory: [4gb]}",
                "5:26: error: x-appliance.requirements.memory: must be a size, like 64m, 1.5g or 1048576 (bytes), not a list"
            },
        };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_reported_where_it_stands(string yaml, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Cases.Findings(Cases.Parse(Head + yaml))));

    [Fact]
    public void They_belong_to_the_release_and_not_to_a_service() =>
        Assert.StartsWith(
            "2:46: error: services.web.x-appliance.requirements: requirements belong in the top-level x-appliance",
            Assert.Single(
                Cases.Findings(
                    Cases.Parse("name: t\nservices: {web: {image: \"a:1\", x-appliance: {requirements: {disk: 1g}}}}")
                )
            )
        );

    [Theory]
    [InlineData("  requirements: {}", null, null, null)]
    [InlineData("  requirements: {agent: \">=0.2.0   <1.0.0-0\"}", ">=0.2.0 <1.0.0-0", null, null)]
    [InlineData("  requirements: {disk: 20gb}", null, 20L << 30, null)]
    [InlineData("  requirements: {memory: 3.5g, disk: 1048576}", null, 1L << 20, 7L << 29)]
    [InlineData("  requirements: {memory: \"4GiB\", agent: 0.2.0, disk: 1t}", "=0.2.0", 1L << 40, 4L << 30)]
    public void Each_may_be_left_out_and_all_round_trip(string yaml, string? agent, long? disk, long? memory)
    {
        var model = Cases.Good(Head + "  version: 1.0.0\n" + yaml);

        Assert.Equal(
            (agent, disk, memory),
            (model.Requirements.Agent?.Text, model.Requirements.DiskBytes, model.Requirements.MemoryBytes)
        );
        RoundTrip.Check(model, Cases.NoFolder);
    }

    [Fact]
    public void They_are_printed_as_they_are_written()
    {
        var model = Cases.Good(Head + "  requirements: {memory: 4096m, disk: 20gb, agent: \">=0.2.0\"}");

        Assert.Contains(
            "x-appliance:\n  requirements:\n    agent: \">=0.2.0\"\n    disk: 20g\n    memory: 4g\n",
            ComposeText.ToYaml(model),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_release_that_says_nothing_requires_nothing()
    {
        var model = Cases.Good(Head + "  version: 1.0.0");

        Assert.Equal(Requirements.None, model.Requirements);
        Assert.DoesNotContain("requirements", ComposeText.ToYaml(model), StringComparison.Ordinal);
    }
}
