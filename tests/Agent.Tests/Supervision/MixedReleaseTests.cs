using Appliance.Agent.Content;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>On the way from one release to the next.</summary>
public sealed class MixedReleaseTests
{
    private static readonly Release Old = SampleRelease.Of(
        """
        services:
          web: {image: web:1, depends_on: [db, legacy]}
          db: {image: db:1}
          legacy: {image: legacy:1, volumes: ["old:/old"], networks: [back]}
        volumes: {old: {}}
        networks: {back: {}, default: {}}
        """,
        ("web:1", 'a'),
        ("db:1", 'd'),
        ("legacy:1", 'e')
    );

    private static readonly Release New = SampleRelease.Of(
        """
        services:
          web: {image: web:1, depends_on: [db, cache]}
          db: {image: db:2}
          cache: {image: cache:1, volumes: ["new:/new"]}
        volumes: {new: {}}
        networks: {default: {internal: true}}
        """,
        ("web:1", 'b'),
        ("db:2", 'd'),
        ("cache:1", 'c')
    );

    [Fact]
    public void Before_the_first_switch_all_is_as_it_was_and_what_the_next_needs_may_come()
    {
        var mixed = Mixed();
        Assert.Equal(["db", "legacy", "web"], mixed.Services.Select(s => s.Name));
        Assert.All(mixed.Services, s => Assert.Equal(Old.Desired().Service(s.Name)!.ConfigHash, s.ConfigHash));
        Assert.Equal(["app_back", "app_default"], mixed.Networks.Keys.Order());
        Assert.Equal(Old.Desired().Networks["app_default"].ConfigHash, mixed.Networks["app_default"].ConfigHash);
        Assert.Equal(["app_new", "app_old"], mixed.Volumes.Keys.Order());
        Assert.Equal(5, mixed.Images.Count);
    }

    [Fact]
    public void A_service_is_new_once_it_is_switched_and_the_others_are_old()
    {
        var mixed = Mixed("db", "cache");
        Assert.Equal(["db", "cache", "legacy", "web"], mixed.Services.Select(s => s.Name));
        Assert.Equal(New.Desired().Service("cache")!.ConfigHash, mixed.Service("cache")!.ConfigHash);
        Assert.Equal(SampleRelease.IdOf('a'), mixed.Service("web")!.ImageId);
        Assert.Equal(New.Desired().Networks["app_default"].ConfigHash, mixed.Networks["app_default"].ConfigHash);
    }

    [Fact]
    public void The_settings_of_its_networks_are_a_part_of_what_a_service_is_to_be()
    {
        var (before, after) = (Mixed(), Mixed("db"));
        var web = before.Service("web")!;
        Assert.Equal(web.ConfigHash, after.Service("web")!.ConfigHash);
        Assert.NotEqual(before.DefinitionOf(web), after.DefinitionOf(after.Service("web")!));
        Assert.Equal(Old.Desired().DefinitionOf(web), before.DefinitionOf(web));
    }

    [Fact]
    public void A_service_that_the_next_release_does_not_have_goes_when_it_is_switched()
    {
        Assert.Null(Mixed("legacy").Service("legacy"));
    }

    [Fact]
    public void Once_all_are_switched_it_is_the_next_release()
    {
        var mixed = Mixed("web", "db", "cache", "legacy");
        Assert.Equal(
            New.Desired().Services.Select(s => (s.Name, s.ConfigHash)),
            mixed.Services.Select(s => (s.Name, s.ConfigHash))
        );
    }

    [Fact]
    public void One_tag_is_never_wanted_on_two_images()
    {
        foreach (var (mixed, id) in new[] { (Mixed(), 'a'), (Mixed("db"), 'b') })
        {
            var tagged = Assert.Single(mixed.Images.Values, i => i.Tag?.ToString() == "web:1");
            Assert.Equal(SampleRelease.IdOf(id), tagged.Id);
            Assert.Equal(2, mixed.Images.Values.Count(i => i.Reference == "web:1"));
        }
    }

    [Fact]
    public void What_is_switched_away_is_stopped_as_it_asked_for()
    {
        var scenario = new Scenario().Container("legacy", c => c with { StopGrace = TimeSpan.FromSeconds(44) });
        var remove = scenario.Plan(Mixed("legacy")).Steps.OfType<Step.Remove>();
        Assert.Equal(TimeSpan.FromSeconds(44), Assert.Single(remove).Grace);
    }

    [Fact]
    public void A_container_of_the_old_definition_runs_until_the_new_one_is_made()
    {
        var old = Old.Desired().Service("web")!;
        var scenario = new Scenario().Container(
            "web",
            c => c with { ConfigHash = old.ConfigHash, ImageId = old.ImageId }
        );
        scenario.Images.UnionWith(Mixed().Images.Keys);
        var hash = Mixed().Networks["app_default"].ConfigHash;
        scenario.Networks["app_default"] = scenario.Networks["app_default"] with { ConfigHash = hash };

        var before = scenario.Plan(Mixed()).Services.Single(s => s.Service.Name == "web");
        Assert.Equal(ServiceState.Running, before.State);
        var after = scenario.Plan(Mixed("db", "cache", "web")).Services.Single(s => s.Service.Name == "web");
        Assert.NotEqual(ServiceState.Running, after.State);
        Assert.Null(after.Slots[0].Container);
        Assert.Equal("web1-id-0123456789", Assert.Single(after.Slots[0].Others).Id);
        Assert.DoesNotContain(after.Slots[0].Steps, s => s is Step.Stop or Step.Remove);
    }

    private static DesiredState Mixed(params string[] switched) =>
        new RunningRelease(Old, New, switched.ToHashSet()).Desired();
}
