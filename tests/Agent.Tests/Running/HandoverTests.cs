using Appliance.Agent.Tests.Ingress;
using Appliance.Agent.Tests.Updates;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Running;

/// <summary>Releases that rename or drop a service that is reached through ingress, with a real HAProxy beside the agent.</summary>
public sealed class HandoverTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_that_goes_by_another_name_loses_no_request_nor_does_the_way_back()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await using var haproxy = await HaproxyBeside.StartAsync(agent);
        await InstalledAsync(agent, haproxy);
        await using var load = Load.On(haproxy.Http, path: "/");
        await load.ReachAsync(200, Ct);

        Assert.Equal(
            OperationState.Done,
            (await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Compose("site", "two")))).State
        );
        await OnlyAsync(agent, "site");
        Assert.Equal("two", await AskAsync(haproxy, "/"));
        await load.ReachAsync(200, Ct);

        Assert.Equal(OperationState.Done, (await agent.RollBackAsync()).State);
        await OnlyAsync(agent, "web");
        Assert.Equal("one", await AskAsync(haproxy, "/"));
        await load.ReachAsync(200, Ct);

        TestContext.Current.TestOutputHelper?.WriteLine($"{load.Answered} answered");
        Assert.Empty(await load.EndAsync());
    }

    [Fact]
    public async Task An_agent_that_is_killed_while_the_successor_starts_goes_on_and_loses_no_request()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await using var haproxy = await HaproxyBeside.StartAsync(agent);
        await InstalledAsync(agent, haproxy);
        await using var load = Load.On(haproxy.Http, path: "/");
        await load.ReachAsync(200, Ct);

        var begun = await agent.UpgradeUntilAsync(
            await agent.BundleAsync("2.0.0", Compose("site", "two")),
            o => o.Phase == "switching"
        );
        await Eventually.TrueAsync(
            "the successor is being started",
            async _ => (await agent.ContainersAsync()).Any(c => c.Labels["appliance.service"] == "site"),
            Ct
        );
        await agent.KillAsync();
        await load.ReachAsync(100, Ct);
        await agent.StartAsync();
        Assert.Equal(OperationState.Done, (await agent.EndOfAsync(begun.Id)).State);
        await OnlyAsync(agent, "site");
        Assert.Equal("two", await AskAsync(haproxy, "/"));

        Assert.Empty(await load.EndAsync());
    }

    [Fact]
    public async Task A_successor_that_does_not_get_well_takes_nothing_from_the_service_before()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await using var haproxy = await HaproxyBeside.StartAsync(agent);
        await InstalledAsync(agent, haproxy);
        await using var load = Load.On(haproxy.Http, path: "/");

        var ended = await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Compose("site", "two", check: "false")));
        Assert.Equal(OperationState.RolledBack, ended.State);
        await OnlyAsync(agent, "web");
        await load.ReachAsync(100, Ct);

        Assert.Empty(await load.EndAsync());
    }

    [Fact]
    public async Task A_long_request_to_a_service_that_is_dropped_ends_as_it_would_have()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await using var haproxy = await HaproxyBeside.StartAsync(agent);
        await InstalledAsync(agent, haproxy);

        var slow = AskAsync(haproxy, "/cgi-bin/slow");
        await Eventually.TrueAsync(
            "the request is there",
            async _ => await HasBegunAsync(agent, 1) || await HasBegunAsync(agent, 2),
            Ct
        );
        var ended = await agent.UpgradeAsync(
            await agent.BundleAsync(
                "2.0.0",
                """
                services:
                  other:
                    image: appliance-test/busybox:1
                    stop_signal: SIGKILL
                    deploy: {update_config: {monitor: 100ms}}
                    x-appliance: {ingress: [{port: 8080, path: /other}]}
                """
            )
        );

        Assert.Equal("late", await slow);
        Assert.Equal(OperationState.Done, ended.State);
        await OnlyAsync(agent, "other");
        Assert.Equal("404", await AskAsync(haproxy, "/"));
    }

    private static async Task InstalledAsync(RealAgent agent, HaproxyBeside haproxy)
    {
        await agent.StartAsync();
        Assert.Equal(
            OperationState.Done,
            (await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Compose("web", "one")))).State
        );
        await Eventually.TrueAsync(
            "the application answers through ingress",
            async _ => await AskAsync(haproxy, "/") == "one",
            Ct,
            TimeSpan.FromSeconds(40)
        );
    }

    /// <summary>Its process is killed at once when it is to end, and takes a while until it answers.</summary>
    private static string Compose(string service, string says, string check = "wget -q -O - http://127.0.0.1:8080/") =>
        $$$"""
            services:
              {{{service}}}:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                stop_grace_period: 30s
                command:
                  - sh
                  - -c
                  - |
                    mkdir -p /www/cgi-bin
                    echo {{{says}}} > /www/index.html
                    printf '#!/bin/sh\ntouch /begun\nsleep 6\nprintf "Content-Type: text/plain\\r\\n\\r\\nlate"\n' > /www/cgi-bin/slow
                    chmod +x /www/cgi-bin/slow
                    sleep 2
                    exec httpd -f -p 8080 -h /www
                healthcheck: {test: ["CMD-SHELL", "{{{check}}}"], interval: 300ms, timeout: 2s, retries: 3, start_period: 5s}
                deploy: {replicas: 2, update_config: {monitor: 300ms}}
                x-appliance: {ingress: [8080]}
            """;

    private static async Task<bool> HasBegunAsync(RealAgent agent, int replica) =>
        (
            await agent.Engine.Containers.ExecAsync(
                $"{agent.Project}-web-{replica}",
                new Docker.ExecSpec { Command = ["stat", "/begun"] },
                1000,
                Ct
            )
        ).ExitCode == 0;

    private static async Task OnlyAsync(RealAgent agent, string service) =>
        Assert.All(await agent.ContainersAsync(), c => Assert.Equal(service, c.Labels["appliance.service"]));

    /// <summary>The answer, or its status where it is an error.</summary>
    private static async Task<string> AskAsync(HaproxyBeside haproxy, string path)
    {
        using var client = new HttpClient();
        try
        {
            using var response = await client.GetAsync(new Uri($"http://127.0.0.1:{haproxy.Http}{path}"), Ct);
            return response.IsSuccessStatusCode
                ? (await response.Content.ReadAsStringAsync(Ct)).Trim()
                : $"{(int)response.StatusCode}";
        }
        catch (HttpRequestException e)
        {
            return e.Message;
        }
    }
}
