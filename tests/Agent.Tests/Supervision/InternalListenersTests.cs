using System.Net;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>Which services are reached through ingress by others, and what is made of it.</summary>
public sealed class InternalListenersTests
{
    private const string StartFirst = "deploy: {update_config: {order: start-first}}";
    private const string Api = $"api: {{image: api:1, {StartFirst}, expose: [\"8080\"]}}";

    [Fact]
    public void A_service_that_is_exchanged_start_first_is_reached_under_an_address_by_those_on_its_network()
    {
        var desired = Of(
            $"services: {{{Api}, web: {{image: web:1}}, other: {{image: o:1, networks: [x]}}}}\n{NetworkX}"
        );
        var api = desired.Service("api")!;
        Assert.True(api.IsPublished);
        Assert.True(InternalListeners.Range.Contains(IPAddress.Parse(api.Listener!.Address)));
        Assert.Equal([new ListenerPort(8080, IngressProtocol.Tcp)], api.Listener.Ports);
        Assert.Equal(["app_default"], api.Listener.Networks);
        var reached = Assert.Single(desired.Service("web")!.Reaches);
        Assert.Equal(("api", api.Listener.Address), (reached.Service, reached.Address));
        Assert.Equal(["api"], reached.Names);
        Assert.Empty(api.Reaches);
        Assert.Empty(desired.Service("other")!.Reaches);
        Assert.Null(api.Gap);
    }

    [Fact]
    public void Its_address_stays_while_others_come_and_go()
    {
        var one = Of($"services: {{{Api}, web: {{image: web:1}}}}");
        var more = string.Join(", ", Enumerable.Range(1, 20).Select(n => $"a{n}: {{image: a:1, expose: [\"80\"]}}"));
        var many = Of($"services: {{{more}, {Api}, web: {{image: web:1}}}}");
        Assert.Equal(one.Service("api")!.Listener!.Address, many.Service("api")!.Listener!.Address);
        Assert.Equal(21, many.Services.Select(s => s.Listener?.Address).OfType<string>().Distinct().Count());
    }

    [Fact]
    public void What_is_known_to_be_spoken_on_a_port_is_told()
    {
        var desired = Of(
            """
            services:
              web: {image: web:1}
              api:
                image: api:1
                expose: ["1", "2", "3", "4"]
                deploy: {update_config: {order: start-first}}
                x-appliance:
                  ingress: [{port: 4, protocol: https}]
                  probes: [{http: {port: 1}}, {grpc: {port: 2}}, {tcp: {port: 5}}, {http: {port: 6, scheme: https}}]
            """
        );
        Assert.Equal(
            "1 Http, 2 H2c, 3 Tcp, 4 Tcp, 5 Tcp, 6 Tcp",
            string.Join(", ", desired.Service("api")!.Listener!.Ports.Select(p => $"{p.Port} {p.Protocol}"))
        );
    }

    [Fact]
    public void Names_that_are_its_alone_lead_there_too()
    {
        var desired = Of(
            """
            services:
              api:
                image: a:1
                deploy: {update_config: {order: start-first}}
                expose: ["80"]
                networks: {default: {aliases: [orders, both]}}
              web: {image: w:1, networks: {default: {aliases: [both]}}}
              own: {image: o:1, extra_hosts: ["api:192.0.2.1"]}
            """
        );
        Assert.Equal(["api", "orders"], Assert.Single(desired.Service("web")!.Reaches).Names);
        Assert.Equal(["orders"], Assert.Single(desired.Service("own")!.Reaches).Names);
    }

    [Theory]
    [InlineData("expose: [\"80\"]", "its order is stop-first")]
    [InlineData($"{StartFirst}", "does not say under `expose`")]
    [InlineData($"{StartFirst}, expose: [\"80\", \"53/udp\"]", "its port 53 is UDP")]
    [InlineData($"{StartFirst}, expose: [\"8443\"]", "port 8443 is the appliance's own")]
    [InlineData($"{StartFirst}, expose: [\"81\"]", "port 81 of the machine is published for web")]
    [InlineData($"{StartFirst}, expose: [\"80\"], networks: [inner]", "its networks are internal")]
    [InlineData($"{StartFirst}, expose: [\"80\"], networks: [default, inner]", "both may lose requests")]
    public void Where_it_cannot_be_the_plan_says_so(string api, string why)
    {
        const string Others =
            "web: {image: w:1, ports: [\"81:81\"], networks: [default, inner], depends_on: [api]}, "
            + "both: {image: b:1, networks: [x, inner]}";
        string Text(int version) =>
            $"services: {{api: {{image: \"a:{version}\", {api}}}, {Others}}}\n"
            + "networks: {inner: {internal: true}, x: {}}";
        var difference = ReleaseDifference
            .Between(SampleRelease.Of(Text(1)), SampleRelease.Of(Text(2)))
            .Single(d => d.Service == "api");
        Assert.Contains(why, difference.Gap);
    }

    [Fact]
    public void A_service_that_nobody_inside_is_known_to_need_is_no_gap()
    {
        static string Text(int version) =>
            $"services: {{api: {{image: \"a:{version}\", {StartFirst}}}, web: {{image: w:1}}}}";
        var difference = ReleaseDifference
            .Between(SampleRelease.Of(Text(1)), SampleRelease.Of(Text(2)))
            .Single(d => d.Service == "api");
        Assert.Null(difference.Gap);
    }

    [Fact]
    public void A_name_leads_there_once_somebody_listens_and_who_was_made_before_runs_on()
    {
        var address = new ReachedService("api", "169.254.64.9", ["api"]);
        var web = new Scenario().Service("web").With(s => s with { Reaches = [address] });
        Assert.Empty(Assert.IsType<Step.Create>(Assert.Single(web.Plan().Steps)).Reaches);
        web.Traffic = Traffic.None with { IsServing = true, ListensInside = true };
        Assert.Equal([address], Assert.IsType<Step.Create>(Assert.Single(web.Plan().Steps)).Reaches);
        web.Traffic = web.Traffic with { KeptFrom = new HashSet<string> { address.Address } };
        Assert.Empty(Assert.IsType<Step.Create>(Assert.Single(web.Plan().Steps)).Reaches);

        Assert.Empty(web.Container("web").Plan().Steps);
    }

    [Fact]
    public void Whoever_was_told_of_a_listener_that_the_release_does_not_have_is_made_anew()
    {
        var web = new Scenario().Service("web").Container("web", c => c with { Reaches = ["api=169.254.64.9"] });
        Assert.IsType<Step.Rename>(Assert.Single(web.Plan().Steps));

        var from = SampleRelease.Of($"services: {{{Api}, web: {{image: web:1}}}}");
        var to = SampleRelease.Of("services: {api: {image: api:1, expose: [\"8080\"]}, web: {image: web:1}}");
        var difference = ReleaseDifference.Between(from, to).Single(d => d.Service == "web");
        Assert.Equal((ServiceChange.Changed, "internal listener of api"), (difference.Change, difference.Reasons[0]));
        Assert.Equal(
            ServiceChange.Untouched,
            ReleaseDifference.Between(to, from).Single(d => d.Service == "web").Change
        );
        Assert.NotEqual(
            from.Desired().DefinitionOf(from.Desired().Service("web")!),
            to.Desired().DefinitionOf(to.Desired().Service("web")!)
        );
    }

    [Fact]
    public void It_is_listened_there_once_its_network_says_who_may_come_and_for_as_long_as_anybody_was_told()
    {
        var scenario = new Scenario()
            .Service("api")
            .With(s =>
                s with
                {
                    Listener = new("169.254.64.9", [new(80, IngressProtocol.Http)], ["app_default"]),
                    IsReachedInside = true,
                }
            );
        Assert.Null(Published(scenario)!.Internal);
        scenario.Networks["app_default"] = scenario.Networks["app_default"] with { Subnets = ["10.0.0.0/24"] };
        var listener = Published(scenario)!.Internal!;
        Assert.Equal(["169.254.64.9"], listener.Addresses);
        Assert.Equal(["10.0.0.0/24"], listener.Sources);

        scenario.With(s => s with { IsReachedInside = false });
        Assert.Null(Published(scenario));
        scenario.Container("web", c => c with { Reaches = ["api=169.254.64.10"] });
        Assert.Equal(["169.254.64.10"], Published(scenario)!.Internal!.Addresses);
    }

    [Fact]
    public void While_a_release_is_exchanged_it_is_there_for_who_is_of_the_one_and_who_is_of_the_other()
    {
        var from = Of($"services: {{{Api}, web: {{image: web:1}}}}");
        var to = Of("services: {api: {image: api:1, expose: [\"9090\"]}, web: {image: web:1}}");
        foreach (var isSwitched in (bool[])[false, true])
        {
            var api = DesiredStateMix.Of(from, to, _ => isSwitched, hasBegun: true).Service("api")!;
            Assert.True(api.IsPublished);
            Assert.Equal([8080, 9090], api.Listener!.Ports.Select(p => p.Port).Order());
        }
    }

    private const string NetworkX = "networks: {x: {}}";

    private static DesiredState Of(string compose) => SampleRelease.Of(compose).Desired();

    private static PublishedService? Published(Scenario scenario) =>
        scenario.Published().FirstOrDefault(s => s.Name == "api");
}
