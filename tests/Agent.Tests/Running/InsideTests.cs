using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Appliance.Agent.Tests.Updates;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Running;

/// <summary>Requests from one service to another, with a real HAProxy beside the agent.</summary>
public sealed class InsideTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_that_calls_another_by_its_name_loses_no_request_while_that_is_upgraded()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await using var haproxy = await HaproxyBeside.StartAsync(agent, withRoute: true);
        await agent.StartAsync();
        // Installed as an appliance is: with ingress there already.
        Assert.Equal(
            OperationState.Done,
            (await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Compose("one")))).State
        );
        await agent.BecomesAsync("b", ServiceState.Running);
        await agent.BecomesAsync("a", ServiceState.Running);
        var (a, address) = (await agent.ContainerAsync("a"), await AddressAsync(agent));
        await UntilAnsweredAsync(agent, "one", times: 20);
        var (failedBefore, _) = await CountAsync(agent);

        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", Compose("two")));
        var plan = staged.Plan.Services.ToDictionary(s => s.Service);
        Assert.Equal((ServiceChange.Types.Change.Changed, ""), (plan["b"].Change, plan["b"].Gap));
        Assert.Equal(ServiceChange.Types.Change.Untouched, plan["a"].Change);
        Assert.Contains("does not say under `expose`", plan["undeclared"].Gap);
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(staged.Digest)).State);
        await UntilAnsweredAsync(agent, "two", times: 20);

        var (failed, answered) = await CountAsync(agent);
        TestContext.Current.TestOutputHelper?.WriteLine($"{answered} answered, {failed - failedBefore} failed");
        Assert.Equal(0, failed - failedBefore);
        var now = await agent.ContainerAsync("a");
        Assert.Equal((a.Id, a.State.StartedAt), (now.Id, now.State.StartedAt));

        // Who is on another network, or beside all of them, is not let in.
        Assert.NotEqual(0, await RunAsync(agent, "stranger", $"timeout 3 wget -q -O - http://{address}:8080/"));
        Assert.Equal(0, await RunAsync(agent, "a", $"timeout 3 wget -q -O - http://{address}:8080/"));
        Assert.True(await IsTurnedAwayAsync(address));
    }

    private static string Compose(string version) =>
        $$$"""
            services:
              b:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                command: ["sh", "-c", "mkdir -p /www; echo {{{version}}} > /www/index.html; exec httpd -f -p 8080 -h /www"]
                expose: ["8080"]
                deploy: {replicas: 2, update_config: {order: start-first, monitor: 200ms}}
                x-appliance: {probes: [{http: {port: 8080}, interval: 500ms, timeout: 500ms}]}
              a:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                command: ["sh", "-c", "while :; do timeout 3 wget -q -O - http://b:8080/ >> /said || echo failed >> /said; usleep 20000; done"]
                depends_on: {b: {condition: service_healthy}}
              undeclared:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                environment: {VERSION: "{{{version}}}"}
                deploy: {update_config: {order: start-first, monitor: 200ms}}
              stranger:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                networks: [elsewhere]
                depends_on: [undeclared]
            networks: {elsewhere: {}}
            """;

    private static async Task<string> AddressAsync(RealAgent agent)
    {
        var hosts = await SaidAsync(agent, "grep -w b /etc/hosts");
        var address = hosts.Split((char[])[' ', '\t'])[0];
        Assert.StartsWith("169.254.", address);
        return address;
    }

    private static Task UntilAnsweredAsync(RealAgent agent, string version, int times) =>
        Eventually.TrueAsync(
            $"{version} answered {times} times",
            async _ => Number(await SaidAsync(agent, $"grep -c {version} /said; true")) >= times,
            Ct,
            TimeSpan.FromSeconds(40)
        );

    private static async Task<(int Failed, int Answered)> CountAsync(RealAgent agent) =>
        (
            Number(await SaidAsync(agent, "grep -c failed /said; true")),
            Number(await SaidAsync(agent, "grep -vc failed /said; true"))
        );

    /// <summary>From the machine itself.</summary>
    private static async Task<bool> IsTurnedAwayAsync(string address)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Parse(address), 8080, Ct);
            return await socket.ReceiveAsync(new byte[1], Ct) == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private static int Number(string text) => int.TryParse(text, CultureInfo.InvariantCulture, out var n) ? n : 0;

    private static async Task<string> SaidAsync(RealAgent agent, string command) =>
        (await ExecAsync(agent, "a", command)).Stdout.Trim();

    private static async Task<long> RunAsync(RealAgent agent, string service, string command) =>
        (await ExecAsync(agent, service, command)).ExitCode;

    private static Task<ExecResult> ExecAsync(RealAgent agent, string service, string command) =>
        agent.Engine.Containers.ExecAsync(
            $"{agent.Project}-{service}-1",
            new ExecSpec { Command = ["sh", "-c", command] },
            10_000,
            Ct
        );
}
