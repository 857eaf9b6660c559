using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;
using Appliance.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Appliance.Agent.Tests.Alerts;

/// <summary>The Alerts room with its listener, over a supervisor whose view a test sets and actions that a test sees.</summary>
internal sealed class AlertsHost : IAsyncDisposable
{
    private readonly IHost host;
    private readonly HttpClient client;

    private AlertsHost(string folder, ManualClock clock, RecordedActions actions, Setup setup)
    {
        (Clock, Actions) = (clock, actions);
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["storage:DataDirectory"] = folder,
                ["alerts:Listen"] = $"{setup.Address}:{setup.Port}",
                ["alerts:RequestsPerMinute"] = $"{setup.RequestsPerMinute}",
            }
        );
        builder
            .Services.AddLogging()
            .AddSingleton<TimeProvider>(clock)
            .AddStorage()
            .AddSingleton<ISupervisor>(Supervisor)
            .AddAlerts()
            .AddSingleton<IAlertActions>(actions);
        if (!setup.Acts)
            builder.Services.Remove(
                builder.Services.Single(s =>
                    s.ServiceType == typeof(IHostedService) && s.ImplementationType == typeof(AlertWorker)
                )
            );
        host = builder.Build();
        client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{setup.Port}") };
    }

    /// <summary>Where it listens, how much of it, and whether what is queued is acted on.</summary>
    internal sealed record Setup(
        int Port,
        int RequestsPerMinute = 6000,
        bool Acts = true,
        string Address = "127.0.0.1"
    );

    public ManualClock Clock { get; }
    public RecordedActions Actions { get; }
    public FixedSupervisor Supervisor { get; } = new() { View = Views.Of(Views.Service("web"), Views.Service("db")) };
    public HttpClient Client => client;

    public AlertMap Map => host.Services.GetRequiredService<AlertMap>();
    public AlertJournal Journal => host.Services.GetRequiredService<AlertJournal>();
    public WebhookTokens Tokens => host.Services.GetRequiredService<WebhookTokens>();
    public AuditTrail Audit => host.Services.GetRequiredService<AuditTrail>();
    public WebhookListener Listener => host.Services.GetServices<IHostedService>().OfType<WebhookListener>().Single();
    public EventLog Events => host.Services.GetRequiredService<EventLog>();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }

    public static async Task<AlertsHost> StartAsync(
        string folder,
        ManualClock? clock = null,
        RecordedActions? actions = null,
        Setup? setup = null
    )
    {
        var alerts = new AlertsHost(folder, clock ?? new(), actions ?? new(), setup ?? new(FreePort()));
        await alerts.host.StartAsync(Ct);
        return alerts;
    }

    /// <summary>Makes a token, and waits until it can be shown to somebody.</summary>
    public async Task<string> TokenAsync(string name = "am")
    {
        var secret = Assert.IsType<NewToken.Made>(Tokens.Make(name, "a test")).Secret;
        await Eventually.TrueAsync("alerts are listened for", ListensAsync, Ct);
        return secret;
    }

    public async Task<bool> ListensAsync(CancellationToken ct)
    {
        try
        {
            using var answer = await client.GetAsync("/", ct);
            return answer.StatusCode == HttpStatusCode.NotFound;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public Task<HttpResponseMessage> PostAsync(string? token, string body, string path = "/webhooks/alertmanager")
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return SendAsync(token, content, path);
    }

    public async Task<HttpResponseMessage> SendAsync(
        string? token,
        HttpContent content,
        string path = "/webhooks/alertmanager"
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await client.SendAsync(request, Ct);
    }

    /// <summary>Reports alerts, and gives what was decided of each.</summary>
    public async Task<string[]> ReportAsync(string token, params string[] alerts)
    {
        using var answer = await PostAsync(token, Message.Of(alerts));
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}: {text}");
        using var json = JsonDocument.Parse(text);
        return
        [
            .. json
                .RootElement.GetProperty("alerts")
                .EnumerateArray()
                .Select(a => a.GetProperty("decision").GetString()!),
        ];
    }

    public void MapRule(
        string name,
        AlertAction action,
        string? service,
        string label = "alertname",
        string value = "WebDown",
        bool dryRun = false
    ) =>
        Assert.IsType<MapOutcome.Mapped>(
            Map.Put(
                new AlertRule(
                    name,
                    new Dictionary<string, string> { [label] = value },
                    action,
                    service,
                    AlertMap.UsualCoolDown,
                    dryRun,
                    LastAt: null
                ),
                before: ""
            )
        );

    /// <summary>Waits until an alert is acted on, and that is told: the record comes first, its event last.</summary>
    public Task<AlertRecord> EndsAsync(long id = 1) =>
        Eventually.GetAsync(
            $"alert {id} is acted on",
            _ =>
                Task.FromResult(
                    Journal.Find(id) is { Verdict.State: not (AlertState.Queued or AlertState.Acting) } ended
                    && Events.Tail(10, null).Any(e => e.Kind == $"alert.{AlertDecision.InWords(ended.Verdict.State)}")
                        ? ended
                        : null
                ),
            Ct
        );

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await host.StopAsync(CancellationToken.None);
        host.Dispose();
    }
}

/// <summary>Remembers what it was asked, and answers what a test says, when it says.</summary>
internal sealed class RecordedActions : IAlertActions
{
    private readonly Lock gate = new();
    private readonly List<string> asked = [];

    public IReadOnlyList<string> Asked
    {
        get
        {
            lock (gate)
                return [.. asked];
        }
    }

    public ActionOutcome Outcome { get; set; } = new ActionOutcome.Done();

    /// <summary>Set: what is begun does not end before this does.</summary>
    public TaskCompletionSource? Hold { get; set; }

    public Task UntilReadyAsync(string? service, CancellationToken ct) => Task.CompletedTask;

    public Task<ActionOutcome> RestartAsync(string service, string by, string reason, CancellationToken ct) =>
        AskAsync($"restart {service} by {by}: {reason}", ct);

    public Task<ActionOutcome> RecreateAsync(string service, string by, string reason, CancellationToken ct) =>
        AskAsync($"recreate {service} by {by}: {reason}", ct);

    public Task<ActionOutcome> RunAsync(string service, string by, string reason, CancellationToken ct) =>
        AskAsync($"run {service} by {by}: {reason}", ct);

    public Task<ActionOutcome> RebootAsync(string by, string reason, CancellationToken ct) =>
        AskAsync($"reboot by {by}: {reason}", ct);

    private async Task<ActionOutcome> AskAsync(string what, CancellationToken ct)
    {
        lock (gate)
            asked.Add(what);
        if (Hold is { } hold)
            await hold.Task.WaitAsync(ct);
        return Outcome;
    }
}

/// <summary>Messages as Alertmanager sends them.</summary>
internal static class Message
{
    public static string Of(params string[] alerts) =>
        $$"""
            {"receiver":"appliance","status":"firing","alerts":[{{string.Join(',', alerts)}}],
            "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am:9093","version":"4",
            "groupKey":"{}:{}","truncatedAlerts":0}
            """;

    public static string Alert(
        string fingerprint = "0123456789abcdef",
        string name = "WebDown",
        string startsAt = "2026-01-15T11:58:03.123456789Z",
        string status = "firing",
        string more = ""
    ) =>
        $$"""
            {"status":"{{status}}","labels":{"alertname":"{{name}}"{{more}}},"annotations":{"summary":"It is down."},
            "startsAt":"{{startsAt}}","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom/graph",
            "fingerprint":"{{fingerprint}}"}
            """;
}
