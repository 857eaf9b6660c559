using Appliance.Agent.Supervision;

namespace Appliance.Agent.Tests.Supervision;

public sealed class ReleaseDifferenceTests
{
    private const string Base = """
        services:
          web:
            image: web:1
            command: [serve]
            environment: {A: "1"}
            ports: ["127.0.0.1:8080:80"]
            volumes: ["data:/data"]
            configs: [conf]
            depends_on: [db]
            networks: [front]
          db: {image: db:1, networks: [front]}
        volumes: {data: {}}
        networks: {front: {}}
        configs: {conf: {content: "x"}}
        """;

    [Theory]
    [InlineData("image: web:1", "image: web:2", "image web:1 -> web:2")]
    [InlineData("command: [serve]", "command: [serve, fast]", "command")]
    [InlineData("A: \"1\"", "A: \"2\"", "environment")]
    [InlineData("8080:80", "8081:80", "ports")]
    [InlineData("data:/data", "data:/var", "volumes")]
    [InlineData("content: \"x\"", "content: \"y\"", "mounted files")]
    [InlineData("command: [serve]", "user: \"1000\"\n    command: [serve]", "user")]
    [InlineData("command: [serve]", "mem_limit: 64m\n    command: [serve]", "resources")]
    public void What_differs_is_named(string from, string to, string reason)
    {
        var difference = Of(Base, Base.Replace(from, to, StringComparison.Ordinal), "web");
        Assert.Equal(ServiceChange.Changed, difference.Change);
        Assert.Equal([reason], difference.Reasons);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("deploy: {update_config: {order: start-first}}", false)]
    // Another one runs on meanwhile, unless all go at once.
    [InlineData("deploy: {replicas: 2}", false)]
    [InlineData("deploy: {replicas: 2, update_config: {parallelism: 0}}", true)]
    // Two cannot have one port.
    [InlineData("ports: [\"8080:80\"], deploy: {replicas: 1}", true)]
    public void A_service_is_interrupted_when_nothing_of_it_runs_beside(string more, bool interrupts)
    {
        var difference = Of(Web("1"), Web("2"), "web");

        Assert.Equal((ServiceChange.Changed, interrupts), (difference.Change, difference.Interrupts));

        string Web(string version) =>
            $"services: {{web: {{image: \"web:1\", environment: {{A: \"{version}\"}}{(more.Length > 0 ? ", " : "")}{more}}}}}";
    }

    [Fact]
    public void What_comes_and_what_goes_for_good_is_no_interruption() =>
        Assert.All(
            ReleaseDifference.Between(
                SampleRelease.Of("services: {web: {image: \"web:1\"}, old: {image: \"old:1\"}}"),
                SampleRelease.Of("services: {web: {image: \"web:1\"}, new: {image: \"new:1\"}}")
            ),
            d => Assert.False(d.Interrupts)
        );

    [Fact]
    public void The_same_image_under_another_tag_changes_nothing()
    {
        var from = SampleRelease.Of("services: {web: {image: web:1}}", ("web:1", 'a'));
        var to = SampleRelease.Of("services: {web: {image: web:2}}", ("web:2", 'a'));
        Assert.Equal(ServiceChange.Untouched, Assert.Single(ReleaseDifference.Between(from, to)).Change);
    }

    [Fact]
    public void Another_image_under_the_same_tag_is_a_change()
    {
        var from = SampleRelease.Of("services: {web: {image: web:1}}", ("web:1", 'a'));
        var to = SampleRelease.Of("services: {web: {image: web:1}}", ("web:1", 'b'));
        var difference = Assert.Single(ReleaseDifference.Between(from, to));
        Assert.Equal(ServiceChange.Changed, difference.Change);
        Assert.Equal(["image web:1 (aaaaaaaaaaaa -> bbbbbbbbbbbb)"], difference.Reasons);
    }

    [Theory]
    [InlineData("depends_on: [db]", "depends_on: {db: {condition: service_healthy}}", "dependencies")]
    [InlineData("depends_on: [db]", "restart: always\n    depends_on: [db]", "restart policy")]
    public void What_only_the_agent_minds_leaves_containers_alone_and_is_said(string from, string to, string reason)
    {
        var difference = Of(Base, Base.Replace(from, to, StringComparison.Ordinal), "web");
        Assert.Equal(ServiceChange.Untouched, difference.Change);
        Assert.Equal([reason], difference.Reasons);
    }

    [Fact]
    public void A_network_with_other_settings_is_felt_by_all_who_are_on_it()
    {
        var differences = ReleaseDifference.Between(
            SampleRelease.Of(Base),
            SampleRelease.Of(Base.Replace("front: {}", "front: {internal: true}", StringComparison.Ordinal))
        );
        Assert.All(differences, d => Assert.Equal(["settings of network app_front"], d.Reasons));
        Assert.All(differences, d => Assert.Equal(ServiceChange.Changed, d.Change));
    }

    [Fact]
    public void Services_come_in_the_order_of_their_dependencies_and_those_removed_last()
    {
        var to = SampleRelease.Of("services: {web: {image: web:1, depends_on: [cache]}, cache: {image: cache:1}}");
        Assert.Equal(
            [("cache", ServiceChange.Added), ("web", ServiceChange.Changed), ("db", ServiceChange.Removed)],
            ReleaseDifference.Between(SampleRelease.Of(Base), to).Select(d => (d.Service, d.Change))
        );
        Assert.Equal(
            [ServiceChange.Added, ServiceChange.Added],
            ReleaseDifference.Between(null, to).Select(d => d.Change)
        );
    }

    [Theory]
    [InlineData("volumes: [\"data:/data\"]", "volumes: [\"data:/elsewhere\"]")]
    [InlineData("volumes: [\"/srv/data:/data\"]", "volumes: [\"/srv/data:/data\"]")]
    [InlineData("ports: [\"80:8080\"]", "ports: [\"127.0.0.1:80:9090\"]")]
    public void A_service_that_has_another_name_now_goes_before_what_takes_its_place(string old, string next)
    {
        var from = SampleRelease.Of(
            $"services: {{z: {{image: z:1, {old}}}, gone: {{image: g:1}}, first: {{image: f:1}}}}\nvolumes: {{data: {{}}}}"
        );
        var to = SampleRelease.Of(
            $"services: {{first: {{image: f:2}}, a: {{image: z:1, {next}}}, last: {{image: l:1}}}}\nvolumes: {{data: {{}}}}"
        );
        Assert.Equal(
            ["first Changed", "z Removed", "a Added", "last Added", "gone Removed"],
            ReleaseDifference.Between(from, to).Select(d => $"{d.Service} {d.Change}")
        );
    }

    [Theory]
    [InlineData("volumes: [\"data:/data:ro\"]")]
    [InlineData("ports: [\"80:8080/udp\"]")]
    [InlineData("ports: [\"8080\"]")]
    public void What_can_run_side_by_side_is_removed_last(string next)
    {
        var from = SampleRelease.Of(
            "services: {z: {image: z:1, ports: [\"80:80\"], volumes: [\"data:/data\"]}}\nvolumes: {data: {}}"
        );
        var to = SampleRelease.Of($"services: {{a: {{image: z:1, {next}}}}}\nvolumes: {{data: {{}}}}");
        Assert.Equal(["a", "z"], ReleaseDifference.Between(from, to).Select(d => d.Service));
    }

    [Fact]
    public void A_service_that_gives_up_a_host_port_is_switched_before_the_one_that_takes_it_whatever_depends_on_what()
    {
        var from = SampleRelease.Of(
            "services: {web: {image: w:1, ports: [\"80:80\"], depends_on: [api]}, api: {image: a:1, ports: [\"81:80\"]}}"
        );
        var to = SampleRelease.Of(
            "services: {web: {image: w:1, ports: [\"82:80\"], depends_on: [api]}, api: {image: a:1, ports: [\"80:80\"]}}"
        );
        Assert.Equal(["web", "api"], ReleaseDifference.Between(from, to).Select(d => d.Service));
    }

    private static ServiceDifference Of(string from, string to, string service) =>
        ReleaseDifference.Between(SampleRelease.Of(from), SampleRelease.Of(to)).Single(d => d.Service == service);
}
