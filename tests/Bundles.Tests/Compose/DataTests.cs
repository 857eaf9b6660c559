using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>What a release says of the data that it changes.</summary>
public sealed class DataTests
{
    private const string Head = """
        name: test
        x-appliance: {version: "2.3.0"}
        services:
          db: {image: "db:1", volumes: ["rows:/rows"]}
        volumes:

        """;

    [Theory]
    [InlineData("rows:", null, null)]
    [InlineData("rows: {}", null, null)]
    [InlineData("rows: {x-appliance: {data: none}}", null, null)]
    [InlineData("rows: {x-appliance: {data: expand}}", null, "2.3.0")]
    [InlineData("rows: {x-appliance: {data: breaking}}", "2.3.0", null)]
    [InlineData("rows: {x-appliance: {data: {breaking: \"2.0.0\"}}}", "2.0.0", null)]
    [InlineData("rows: {x-appliance: {data: {breaking: \"2.0.0-rc.1\", expand: \"2.3.0\"}}}", "2.0.0-rc.1", "2.3.0")]
    public void It_says_it_in_short_or_with_the_versions(string volume, string? breaking, string? expand)
    {
        var model = Cases.Good(Cases.Parse(Head + "  " + volume + "\n"));

        var data = model.Volumes["rows"].Data;
        Assert.Equal((breaking, expand), (data.Breaking?.Text, data.Expand?.Text));
        RoundTrip.Check(model, "/nowhere");
    }

    [Theory]
    [InlineData("rows: {x-appliance: {data: braking}}", "6:30", "did you mean \"breaking\"?")]
    [InlineData("rows: {x-appliance: {data: {braking: \"1.0.0\"}}}", "6:31", "did you mean \"breaking\"?")]
    [InlineData("rows: {x-appliance: {data: {breaking: \"2\"}}}", "6:41", "\"2\" is not a semantic version")]
    [InlineData("rows: {x-appliance: {data: {breaking: 2.0}}}", "6:41", "must be a string")]
    [InlineData("rows: {x-appliance: {data: {expand: \"2.4.0\"}}}", "6:39", "2.4.0 is later than this release")]
    [InlineData("rows: {x-appliance: {data: [expand]}}", "6:30", "must be none, expand or breaking")]
    [InlineData("rows: {x-appliance: {dada: none}}", "6:24", "did you mean \"data\"?")]
    [InlineData(
        "rows: {driver_opts: {type: tmpfs, device: tmpfs}, x-appliance: {data: breaking}}",
        "6:3",
        "without driver_opts"
    )]
    public void What_is_wrong_is_said_with_its_place(string volume, string place, string message)
    {
        var error = Assert.Single(Cases.Parse(Head + "  " + volume + "\n").Errors).ToString();

        Assert.Contains($":{place}:", error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data: breaking")]
    [InlineData("data: {expand: \"1.0.0\"}")]
    public void A_release_that_changes_data_has_a_version(string data) =>
        Assert.Contains(
            "x-appliance.version",
            Assert
                .Single(
                    Cases
                        .Parse(
                            $"name: test\nservices:\n  db: {{image: \"db:1\"}}\nvolumes:\n  rows: {{x-appliance: {{{data}}}}}\n"
                        )
                        .Errors
                )
                .ToString(),
            StringComparison.Ordinal
        );

    [Fact]
    public void An_appliance_does_not_leave_a_release_by_itself_that_the_one_before_cannot_follow()
    {
        var text = Head.Replace("\"2.3.0\"}", "\"2.3.0\", fall-back: true}", StringComparison.Ordinal);

        Assert.Contains(
            "may not go back by itself",
            Assert.Single(Cases.Parse(text + "  rows: {x-appliance: {data: breaking}}\n").Errors).ToString(),
            StringComparison.Ordinal
        );
        Cases.Good(Cases.Parse(text + "  rows: {x-appliance: {data: {breaking: \"2.2.0\"}}}\n"));
    }

    [Fact]
    public void A_port_that_ingress_does_not_close_is_warned_of()
    {
        var text = Head.Replace(
            "volumes: [\"rows:/rows\"]",
            "volumes: [\"rows:/rows\"], ports: [\"5432:5432\"]",
            StringComparison.Ordinal
        );

        var warning = Assert.Single(Cases.Parse(text + "  rows: {x-appliance: {data: breaking}}\n").Warnings);
        Assert.Contains("is not behind ingress", warning.ToString(), StringComparison.Ordinal);
        Assert.Empty(Cases.Parse(text + "  rows: {x-appliance: {data: expand}}\n").Warnings);
    }

    [Theory]
    [InlineData("restart: \"no\"", true)]
    [InlineData("restart: on-failure", true)]
    [InlineData("restart: always", false)]
    [InlineData("read_only: true", false)]
    public void A_migration_ends(string more, bool isGood)
    {
        var parsed = Cases.Parse(
            $"name: test\nservices:\n  m:\n    image: \"db:1\"\n    {more}\n    x-appliance: {{migration: {{timeout: 10m}}}}\n"
        );
        if (isGood)
        {
            var model = Cases.Good(parsed);
            Assert.Equal(TimeSpan.FromMinutes(10), model.Services["m"].Migration?.Timeout);
            RoundTrip.Check(model, "/nowhere");
        }
        else
            Assert.Contains("a migration ends", Assert.Single(parsed.Errors).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2.0.0", "2.3.0", "1.9.9", DataChange.Breaking)]
    [InlineData("2.0.0", "2.3.0", "2.0.0-rc.1", DataChange.Breaking)]
    [InlineData("2.0.0", "2.3.0", "2.0.0", DataChange.Expand)]
    [InlineData("2.0.0", "2.3.0", "2.2.9", DataChange.Expand)]
    [InlineData("2.0.0", "2.3.0", "2.3.0", DataChange.None)]
    [InlineData("2.0.0", null, "2.0.0", DataChange.None)]
    [InlineData("2.0.0", null, null, DataChange.Breaking)]
    [InlineData(null, "2.3.0", null, DataChange.Expand)]
    [InlineData(null, null, null, DataChange.None)]
    public void Between_two_versions_the_worst_counts_that_lies_after_the_first(
        string? breaking,
        string? expand,
        string? from,
        DataChange change
    ) => Assert.Equal(change, new VolumeData(Version(breaking), Version(expand)).Since(Version(from)));

    private static SemanticVersion? Version(string? text) => text is null ? null : SemanticVersion.TryParse(text);
}
