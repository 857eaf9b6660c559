using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Appliance.Agent.Tests.Alerts;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Running;

/// <summary>A monitoring system reports trouble to a real agent, and the application is put right.</summary>
public sealed class AlertmanagerTests(SharedEngine shared)
{
    private const string Application = """
        services:
          web:
            image: appliance-test/busybox:1
            stop_signal: SIGKILL
          clean:
            image: appliance-test/busybox:1
            command: ["true"]
            restart: "no"
        """;

    private static readonly HttpClient Client = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_alert_that_a_real_alertmanager_sends_restarts_the_service_and_is_over_after_that()
    {
        await using var agent = RealAgent.On(shared.Engine);
        var webhook = await StartAsync(agent);
        await MapAsync(agent, "web-down", AlertAction.Restart, "web");
        var before = await agent.ContainerAsync("web");
        await using var alertmanager = await Alertmanager.StartAsync(webhook, await TokenAsync(agent));

        var startsAt = TimeProvider.System.GetUtcNow();
        await alertmanager.ReportAsync(startsAt, endsAt: null);

        var done = await BecomesAsync(agent, a => a.State is AlertState.Done);
        Assert.Equal("web-down asked to restart web, and it was done", done.Why);
        Assert.Equal(("webhook:alertmanager", "alertmanager", "web"), (done.Sender, done.Source, done.Service));
        await agent.BecomesAsync("web", ServiceState.Running);
        var after = await agent.ContainerAsync("web");
        Assert.Equal(before.Id, after.Id);
        Assert.True(after.State.StartedAt > before.State.StartedAt);
        Assert.Contains("(alert WebDown, rule web-down)", (await agent.EventAsync("container.restarted")).Found);

        await alertmanager.ReportAsync(startsAt, endsAt: TimeProvider.System.GetUtcNow());
        var over = await BecomesAsync(agent, a => a.ResolvedAt is not null);
        Assert.Equal((done.Id, AlertState.Done), (over.Id, over.State));
        Assert.Equal(after.State.StartedAt, (await agent.ContainerAsync("web")).State.StartedAt);
    }

    [Fact]
    public async Task A_one_shot_is_run_again_and_a_persons_wish_is_not_overruled()
    {
        await using var agent = RealAgent.On(shared.Engine);
        var webhook = await StartAsync(agent);
        await agent.BecomesAsync("clean", ServiceState.Completed);
        var before = (await agent.ServiceAsync("clean")).Summary.Since;
        await MapAsync(agent, "disk", AlertAction.Run, "clean", "Disk");
        await MapAsync(agent, "web-down", AlertAction.Restart, "web");
        await MapAsync(agent, "machine", AlertAction.Reboot, "", "Machine");
        await agent.Services.StopServiceAsync(
            new StopServiceRequest { Name = "web", Reason = "a test" },
            cancellationToken: Ct
        );
        var token = await TokenAsync(agent);

        await PostAsync(
            webhook,
            token,
            Message.Alert("1", "Disk"),
            Message.Alert("2", "WebDown"),
            Message.Alert("3", "Machine")
        );

        await BecomesAsync(agent, a => a is { Fingerprint: "1", State: AlertState.Done });
        await agent.BecomesAsync("clean", ServiceState.Completed);
        Assert.True((await agent.ServiceAsync("clean")).Summary.Since.ToDateTimeOffset() > before.ToDateTimeOffset());
        var refused = await BecomesAsync(agent, a => a is { Fingerprint: "2", State: AlertState.Refused });
        Assert.Contains("wants web stopped", refused.Why);
        Assert.Equal(ServiceState.Stopped, (await agent.BecomesAsync("web", ServiceState.Stopped)).Summary.State);
        var machine = await BecomesAsync(agent, a => a is { Fingerprint: "3", State: AlertState.Refused });
        Assert.NotEmpty(machine.Why);
    }

    [Theory]
    // The first entry takes the alert in, the second begins, the third says what came of it.
    [InlineData("after:1", AlertState.Done)]
    [InlineData("before:2", AlertState.Done)]
    [InlineData("after:2", AlertState.Interrupted)]
    [InlineData("before:3", AlertState.Interrupted)]
    [InlineData("after:3", AlertState.Done)]
    public async Task An_agent_that_is_killed_at_any_point_does_it_once_or_says_that_it_does_not_know(
        string dieAt,
        AlertState end
    )
    {
        await using var agent = RealAgent.On(shared.Engine);
        var webhook = await StartAsync(agent, dieAt);
        await MapAsync(agent, "web-down", AlertAction.Restart, "web");
        var before = await agent.ContainerAsync("web");
        var token = await TokenAsync(agent);

        try
        {
            await PostAsync(webhook, token, Message.Alert());
        }
        catch (HttpRequestException)
        {
            // It died before it could answer.
        }
        await agent.EndedAsync();
        agent.Environment["APPLIANCE_TEST_DIE_AT"] = null;
        await agent.StartAsync();

        await BecomesAsync(agent, a => a.State == end);
        await agent.BecomesAsync("web", ServiceState.Running);
        var after = await agent.ContainerAsync("web");
        // Killed right after it was begun, nothing was done; that is not known to the next agent, so it says so.
        Assert.Equal(dieAt != "after:2", after.State.StartedAt > before.State.StartedAt);

        // The sender had no answer, and sends it again.
        await PostAsync(webhook, token, Message.Alert());
        Assert.Equal(2, (await BecomesAsync(agent, a => a.Times == 2)).Times);
        Assert.Equal(after.State.StartedAt, (await agent.ContainerAsync("web")).State.StartedAt);
    }

    /// <returns>The address that alerts are sent to.</returns>
    private static async Task<Uri> StartAsync(RealAgent agent, string? dieAt = null)
    {
        var port = AlertsHost.FreePort();
        await File.WriteAllTextAsync(agent.Settings, $"alerts:\n  listen: 127.0.0.1:{port}\n", Ct);
        agent.Environment["APPLIANCE_TEST_DIE_AT"] = dieAt;
        agent.WriteCompose(Application);
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        return new Uri($"http://127.0.0.1:{port}/webhooks/alertmanager");
    }

    private static async Task<string> TokenAsync(RealAgent agent) =>
        (
            await agent.Identity.CreateTokenAsync(
                new CreateTokenRequest { Name = "alertmanager", Role = "webhook" },
                cancellationToken: Ct
            )
        ).Secret;

    private static async Task MapAsync(
        RealAgent agent,
        string name,
        AlertAction action,
        string service,
        string alert = "WebDown"
    ) =>
        await agent.Alerts.MapAlertAsync(
            new MapAlertRequest
            {
                Rule = new()
                {
                    Name = name,
                    Matchers = { ["alertname"] = alert },
                    Action = action,
                    Service = service,
                },
            },
            cancellationToken: Ct
        );

    private static Task PostAsync(Uri webhook, string token, params string[] alerts) =>
        Eventually.TrueAsync(
            "the webhook answers",
            async ct =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, webhook);
                request.Content = new StringContent(Message.Of(alerts), Encoding.UTF8, "application/json");
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                try
                {
                    using var answer = await Client.SendAsync(request, ct);
                    return answer.IsSuccessStatusCode;
                }
                // Nobody listens yet. One that dies meanwhile is the test's business.
                catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.ConnectionError)
                {
                    return false;
                }
            },
            Ct
        );

    private static Task<ReceivedAlert> BecomesAsync(RealAgent agent, Predicate<ReceivedAlert> condition) =>
        Eventually.GetAsync(
            "an alert is as it should be",
            async ct =>
                (
                    await agent.Alerts.ListAlertsAsync(new ListAlertsRequest(), cancellationToken: ct)
                ).Alerts.FirstOrDefault(a => condition(a)),
            Ct,
            TimeSpan.FromSeconds(40)
        );

    /// <summary>Debian's, with a configuration of the test's own.</summary>
    private sealed class Alertmanager : IAsyncDisposable
    {
        private const string Program = "prometheus-alertmanager";

        private readonly ScratchFolder folder = new();
        private readonly StringBuilder log = new();
        private readonly Uri address = new($"http://127.0.0.1:{AlertsHost.FreePort()}");
        private Process? process;

        public static async Task<Alertmanager> StartAsync(Uri webhook, string token)
        {
            var alertmanager = new Alertmanager();
            try
            {
                await alertmanager.StartProcessAsync(webhook, token);
                return alertmanager;
            }
            catch
            {
                await alertmanager.DisposeAsync();
                throw;
            }
        }

        /// <summary>Tells it of the alert; one that has no end fires.</summary>
        public async Task ReportAsync(DateTimeOffset startsAt, DateTimeOffset? endsAt)
        {
            var alert = new Dictionary<string, object>
            {
                ["labels"] = new Dictionary<string, string>
                {
                    ["alertname"] = "WebDown",
                    ["severity"] = "critical",
                    // It is not asked.
                    ["service"] = "clean",
                },
                ["annotations"] = new Dictionary<string, string> { ["summary"] = "The page does not answer." },
                ["startsAt"] = startsAt,
            };
            if (endsAt is { } end)
                alert["endsAt"] = end;
            using var answer = await Client.PostAsJsonAsync(new Uri(address, "/api/v2/alerts"), new[] { alert }, Ct);
            answer.EnsureSuccessStatusCode();
        }

        public async ValueTask DisposeAsync()
        {
            if (process is { HasExited: false })
            {
                Posix.Kill(process.Id, Posix.SigKill);
                await process.WaitForExitAsync(CancellationToken.None);
            }
            process?.Dispose();
            TestContext.Current.TestOutputHelper?.WriteLine($"{log}");
            folder.Dispose();
        }

        private async Task StartProcessAsync(Uri webhook, string token)
        {
            await File.WriteAllTextAsync(folder["token"], token + "\n", Ct);
            await File.WriteAllTextAsync(
                folder["alertmanager.yml"],
                $$"""
                route:
                  receiver: appliance
                  group_by: [alertname]
                  group_wait: 1s
                  group_interval: 1s
                  repeat_interval: 4h
                receivers:
                  - name: appliance
                    webhook_configs:
                      - url: {{webhook}}
                        max_alerts: 100
                        http_config:
                          authorization:
                            credentials_file: {{folder["token"]}}
                """,
                Ct
            );
            string[] arguments =
            [
                $"--config.file={folder["alertmanager.yml"]}",
                $"--storage.path={folder["data"]}",
                $"--web.listen-address={address.Authority}",
                // None: it would look for others of its kind.
                "--cluster.listen-address=",
            ];
            process = Process.Start(
                new ProcessStartInfo(Program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
            )!;
            process.OutputDataReceived += (_, e) => Keep(e.Data);
            process.ErrorDataReceived += (_, e) => Keep(e.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            await Eventually.TrueAsync("Alertmanager is ready", IsReadyAsync, Ct, TimeSpan.FromSeconds(40));
        }

        private async Task<bool> IsReadyAsync(CancellationToken ct)
        {
            if (process!.HasExited)
                throw new InvalidOperationException($"{Program} ended with {process.ExitCode}:\n{log}");
            try
            {
                using var answer = await Client.GetAsync(new Uri(address, "/-/ready"), ct);
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }

        private void Keep(string? line)
        {
            lock (log)
                log.AppendLine(line);
        }
    }
}
