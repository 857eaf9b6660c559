using Appliance.Agent.Content;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>Who has a route when a release gives it to a service of another name, and what becomes of one that it drops.</summary>
public sealed class HandoverTests
{
    private const string Web1 = "web1-id-0123456789";
    private const string Site1 = "site1-id-0123456789";
    private const string Site2 = "site2-id-0123456789";

    private static readonly Release Web = Of("web: {image: app:1, x-appliance: {ingress: [8080]}}");
    private static readonly Release Site = Of(
        "site: {image: app:2, deploy: {replicas: 2}, x-appliance: {ingress: [9090, {port: 9090, path: /new}]}}"
    );
    private static readonly Release Neither = Of("other: {image: app:1}");

    [Fact]
    public void The_service_before_has_the_route_until_all_that_take_over_are_ready()
    {
        var mixed = Mixed(Web, Site, "site");
        var scenario = Changing(mixed).Has("web").Has("site");
        Assert.Equal(["site/new", "web/"], Ways(scenario));

        scenario.Has("site", 2, c => c with { Health = HealthState.Starting });
        Assert.Equal(["site/new", "web/"], Ways(scenario));

        Assert.Equal(["site/", "site/new"], Ways(Changing(mixed).Has("web").Has("site").Has("site", 2)));
    }

    [Fact]
    public void One_that_is_dropped_serves_on_until_its_successor_is_ready()
    {
        var mixed = Mixed(Web, Site, "web");
        var scenario = Changing(mixed).Has("web");
        scenario.Traffic = Asking(Web1);
        scenario.ReadySince[Web1] = Scenario.Now.AddMinutes(-1);

        var orphan = Assert.Single(scenario.Plan().Orphans);
        Assert.Equal((null, false, true), (orphan.Step, orphan.IsLeaving, orphan.KeepsRoutes));
        Assert.Equal(["web/"], Ways(scenario));
        var server = Assert.Single(Published(scenario, "web").Servers);
        Assert.Equal((Web1, true, null), (server.ContainerId, server.IsReady, server.Leaving));
    }

    [Fact]
    public void It_leaves_once_nobody_can_ask_it_any_more_and_is_removed_once_its_requests_have_ended()
    {
        var mixed = Mixed(Web, Site, "site", "web");
        var scenario = Changing(mixed).Has("web").Has("site").Has("site", 2);

        scenario.Traffic = Asking(Web1);
        var orphan = Assert.Single(scenario.Plan().Orphans);
        Assert.Equal((null, false, false), (orphan.Step, orphan.IsLeaving, orphan.KeepsRoutes));
        Assert.Equal(["site/", "site/new"], Ways(scenario));
        Assert.False(scenario.Plan().IsTidy);

        scenario.Traffic = Asking(Site1, Site2);
        Assert.True(Assert.Single(scenario.Plan().Orphans).IsLeaving);
        Assert.DoesNotContain(scenario.Plan().Steps, s => s is Step.Remove);
        Assert.Equal("the release no longer has it", Assert.Single(Published(scenario, "web").Servers).Leaving);

        scenario.Traffic = Asking(Site1, Site2) with { Drained = new HashSet<string> { Web1 } };
        Assert.Equal(Web1, Assert.Single(scenario.Plan().Steps.OfType<Step.Remove>()).Id);
    }

    [Fact]
    public void What_ingress_has_not_said_yet_is_waited_for_and_one_that_does_not_serve_is_not()
    {
        var mixed = Mixed(Web, Site, "site", "web");
        var scenario = Changing(mixed).Has("web").Has("site").Has("site", 2);
        scenario.Traffic = Asking() with { Asked = null };
        Assert.False(Assert.Single(scenario.Plan().Orphans).IsLeaving);

        scenario.Traffic = Traffic.None;
        Assert.Equal(Web1, Assert.Single(scenario.Plan().Steps.OfType<Step.Remove>()).Id);
    }

    [Fact]
    public void A_successor_that_falls_ill_before_the_end_gives_the_route_back()
    {
        var after = After(Web, Site);
        var scenario = Changing(after)
            .Has("web")
            .Has("site")
            .Has("site", 2, c => c with { Health = HealthState.Unhealthy });
        scenario.Traffic = Asking(Site1, Site2) with { Drained = new HashSet<string> { Web1 } };
        Assert.Equal(["site/new", "web/"], Ways(scenario));
        Assert.DoesNotContain(scenario.Plan().Steps, s => s is Step.Remove);
    }

    [Fact]
    public void Once_the_release_stays_or_nothing_is_under_way_nobody_serves_in_its_place()
    {
        foreach (
            var (desired, underWay) in new (DesiredState, string?)[]
            {
                (After(Web, Site, isCommitted: true), "op-1"),
                (After(Web, Site), null),
            }
        )
        {
            var scenario = Changing(desired).Has("web");
            scenario.UnderWay = underWay;
            scenario.Traffic = Asking();
            Assert.True(Assert.Single(scenario.Plan().Orphans).IsLeaving);
            Assert.Equal(["site/", "site/new"], Ways(scenario));
        }
    }

    [Fact]
    public void On_the_way_back_it_is_the_same_the_other_way_round()
    {
        var back = After(Site, Web);
        var scenario = Changing(back).Has("site").Has("site", 2);
        scenario.Traffic = Asking(Site1, Site2);
        Assert.Equal(["site/", "site/new"], Ways(scenario));
        Assert.DoesNotContain(scenario.Plan().Steps, s => s is Step.Remove);

        scenario.Has("web");
        Assert.Equal(["web/"], Ways(scenario));
    }

    [Fact]
    public void One_that_was_never_well_serves_nobody_meanwhile()
    {
        var back = After(Site, Web);
        var scenario = Changing(back).Has("site", 1, c => c with { Health = HealthState.Unhealthy });
        scenario.Traffic = Asking();
        Assert.True(Assert.Single(scenario.Plan().Orphans).IsLeaving);
    }

    [Fact]
    public void A_successor_that_somebody_keeps_stopped_is_not_waited_for()
    {
        var after = After(Web, Site);
        var scenario = Changing(after).Has("web");
        scenario.Stopped["site"] = new("site", Scenario.Now, "root", "");
        scenario.Traffic = Asking();
        Assert.True(Assert.Single(scenario.Plan().Orphans).IsLeaving);
    }

    [Theory]
    [InlineData("ports: [\"7070:7070\"]", "host port 7070/tcp")]
    [InlineData("volumes: [\"data:/data\"]", "contents of app_data")]
    public void One_that_its_successor_cannot_run_beside_leaves_first_and_drained(string holds, string claim)
    {
        var mixed = Mixed(
            Of($"web: {{image: app:1, {holds}, x-appliance: {{ingress: [8080]}}}}", "volumes: {data: {}}"),
            Of($"site: {{image: app:2, {holds}, x-appliance: {{ingress: [8080]}}}}", "volumes: {data: {}}"),
            "web",
            "site"
        );
        var scenario = Changing(mixed).Has("web", 1, c => c with { Claims = new HashSet<string> { claim } });
        scenario.Traffic = Asking(Web1);
        var plan = scenario.Plan();
        Assert.True(Assert.Single(plan.Orphans).IsLeaving);
        Assert.DoesNotContain(plan.Steps, s => s is Step.Remove or Step.Create);

        scenario.Traffic = Asking() with { Drained = new HashSet<string> { Web1 } };
        Assert.Equal(Web1, Assert.Single(scenario.Plan().Steps.OfType<Step.Remove>()).Id);
    }

    [Fact]
    public void One_in_the_way_of_what_its_successor_waits_for_leaves_first()
    {
        const string volumes = "volumes: {data: {}}";
        var mixed = Mixed(
            Of("web: {image: app:1, volumes: [\"data:/data\"], x-appliance: {ingress: [8080]}}", volumes),
            Of(
                "store: {image: app:1, volumes: [\"data:/data\"]}\n"
                    + "  site: {image: app:2, depends_on: [store], x-appliance: {ingress: [8080]}}",
                volumes
            ),
            "web",
            "store",
            "site"
        );
        var scenario = Changing(mixed)
            .Has("web", 1, c => c with { Claims = new HashSet<string> { "contents of app_data" } });
        scenario.Traffic = Asking(Web1);
        Assert.True(Assert.Single(scenario.Plan().Orphans).IsLeaving);
    }

    [Fact]
    public void One_that_is_dropped_for_good_leaves_at_once_and_its_route_is_nobodys()
    {
        var after = After(Web, Neither);
        var scenario = Changing(after).Has("web");
        scenario.Traffic = Asking(Web1) with { Joined = new HashSet<string> { Web1 } };
        Assert.True(Assert.Single(scenario.Plan().Orphans).IsLeaving);
        Assert.Empty(Published(scenario, "web").Routes);
        Assert.DoesNotContain(scenario.Plan().Steps, s => s is Step.Remove);

        scenario.Traffic = Asking() with { Drained = new HashSet<string> { Web1 } };
        Assert.IsType<Step.Remove>(Assert.Single(scenario.Plan().Steps, s => s is Step.Remove));
    }

    [Fact]
    public void One_whose_containers_are_gone_is_published_no_more()
    {
        Assert.Empty(Changing(After(Web, Neither)).Published());
    }

    [Fact]
    public void A_route_that_goes_to_a_service_that_was_there_before_is_handed_over_when_that_is_exchanged()
    {
        var mixed = Mixed(
            Of(
                "web: {image: app:1, x-appliance: {ingress: [8080]}}\n"
                    + "  site: {image: app:1, x-appliance: {ingress: [{port: 8080, path: /site}]}}"
            ),
            Of("site: {image: app:2, x-appliance: {ingress: [8080, {port: 8080, path: /site}]}}"),
            "site"
        );
        var scenario = Changing(mixed).Has("web").Has("site", 1, c => c with { ConfigHash = "before" });
        Assert.Equal(["site/site", "web/"], Ways(scenario));
        Assert.Equal(["site/", "site/site"], Ways(Changing(mixed).Has("web").Has("site")));
    }

    [Fact]
    public void A_service_that_stays_keeps_what_it_gives_to_another_until_that_is_ready()
    {
        var mixed = Mixed(
            Of("web: {image: app:1, x-appliance: {ingress: [8080]}}"),
            Of("web: {image: app:1}\n  site: {image: app:2, x-appliance: {ingress: [9090]}}"),
            "web",
            "site"
        );
        var scenario = Changing(mixed).Has("web");
        Assert.Equal(["web/"], Ways(scenario));
        Assert.Equal(["site/"], Ways(scenario.Has("site")));
    }

    [Fact]
    public void Two_that_exchange_their_routes_each_keep_theirs_until_the_other_is_there()
    {
        static Release Routed(int version, string a, string b) =>
            Of(
                $"a: {{image: app:{version}, x-appliance: {{ingress: [{{port: 1, path: {a}}}]}}}}\n"
                    + $"  b: {{image: app:{version}, x-appliance: {{ingress: [{{port: 1, path: {b}}}]}}}}"
            );
        var half = Mixed(Routed(1, "/a", "/b"), Routed(2, "/b", "/a"), "a");
        Assert.Equal(["a/a", "b/b"], Ways(Changing(half).Has("b")));
        Assert.Equal(["a/a", "a/b"], Ways(Changing(half).Has("a").Has("b")));

        var all = Mixed(Routed(1, "/a", "/b"), Routed(2, "/b", "/a"), "a", "b");
        Assert.Equal(["a/a", "a/b"], Ways(Changing(all).Has("a")));
        Assert.Equal(["a/b", "b/a"], Ways(Changing(all).Has("a").Has("b")));
    }

    [Fact]
    public void A_port_of_its_own_is_handed_over_as_well()
    {
        const string route = "x-appliance: {ingress: [{port: 5000, protocol: tcp, listen: 5000}]}";
        var mixed = Mixed(Of($"web: {{image: app:1, {route}}}"), Of($"site: {{image: app:2, {route}}}"), "site");
        var scenario = Changing(mixed).Has("web");
        Assert.Equal(["web/"], Ways(scenario));
        scenario.Has("site");
        Assert.Equal(["site/"], Ways(scenario));
    }

    private static Release Of(string services, string more = "") =>
        SampleRelease.Of($"services:\n  {services}\n{more}\n", ("app:1", 'a'), ("app:2", 'b'));

    private static DesiredState Mixed(Release from, Release to, params string[] switched) =>
        new RunningRelease(from, to, switched.ToHashSet()).Desired();

    private static DesiredState After(Release before, Release now, bool isCommitted = false) =>
        new RunningRelease(now) { Before = before, IsCommitted = isCommitted }.Desired();

    private static Change Changing(DesiredState desired) => new(desired);

    /// <summary>Who has which path.</summary>
    private static IEnumerable<string> Ways(Change change) =>
        change.Published().SelectMany(p => p.Routes.Select(r => p.Name + r.Path)).Order();

    private static PublishedService Published(Change change, string service) =>
        Assert.Single(change.Published(), p => p.Name == service);

    private static Traffic Asking(params string[] asked) =>
        new(IsServing: true, new HashSet<string>(), new HashSet<string>()) { Asked = asked.ToHashSet() };

    /// <summary>On the way from one release to the other, with an engine that has what it needs.</summary>
    private sealed class Change
    {
        private readonly DesiredState desired;
        private readonly Scenario scenario = new() { UnderWay = "op-1" };

        public Change(DesiredState desired)
        {
            this.desired = desired;
            scenario.Images.UnionWith(desired.Images.Keys);
            foreach (var network in desired.Networks.Values)
                scenario.Networks[network.Name] = new("net1", network.Name, network.ConfigHash, true);
        }

        public Traffic Traffic
        {
            set => scenario.Traffic = value;
        }

        public string? UnderWay
        {
            set => scenario.UnderWay = value;
        }

        public Dictionary<string, DateTimeOffset> ReadySince => scenario.ReadySince;

        public Dictionary<string, Agent.Storage.StopWish> Stopped => scenario.Stopped;

        public Change Has(string service, int replica = 1, Func<ObservedContainer, ObservedContainer>? change = null)
        {
            var made = desired.Services.Concat(desired.Departing).Single(s => s.Name == service);
            scenario.Container(
                service,
                c =>
                {
                    var container = c with { ConfigHash = made.ConfigHash, ImageId = made.ImageId };
                    return change is null ? container : change(container);
                },
                replica
            );
            return this;
        }

        public Plan Plan() => scenario.Plan(desired);

        public IReadOnlyList<PublishedService> Published() => scenario.Published(desired);
    }
}
