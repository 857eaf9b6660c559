using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Alerts;

/// <summary>Who is heard, and what is refused before anything is decided.</summary>
public sealed class WebhookTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Whatever_is_wrong_with_a_token_the_answer_is_the_same()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        host.MapRule("web-down", AlertAction.Restart, "web");
        var token = await host.TokenAsync();
        await host.TokenAsync("stays");
        var revoked = await host.TokenAsync("gone");
        Assert.True(host.Tokens.Revoke("gone"));
        var body = Message.Of(Message.Alert());

        var answers = new List<string>();
        foreach (
            var (shown, path) in ((string?, string)[])
                [
                    (null, "/webhooks/alertmanager"),
                    (revoked, "/webhooks/alertmanager"),
                    (AccessToken.Mint(), "/webhooks/alertmanager"),
                    (token[..^1], "/webhooks/alertmanager"),
                    (token.ToUpperInvariant(), "/webhooks/alertmanager"),
                    ("x", "/webhooks/alertmanager"),
                    (new string('x', 4000), "/webhooks/grafana"),
                    // In the query it is refused even if it is right, and even if it is shown as it should be as well.
                    (null, $"/webhooks/alertmanager?token={token}"),
                    (token, $"/webhooks/alertmanager?access_token={token}"),
                ]
        )
            answers.Add(await SeenAsync(host, shown, body, path));
        using var basic = new HttpRequestMessage(HttpMethod.Post, "/webhooks/alertmanager");
        basic.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"am:{token}")));
        using var answer = await host.Client.SendAsync(basic, Ct);
        answers.Add(await SeenAsync(answer));

        Assert.StartsWith("Unauthorized", Assert.Single(answers.Distinct()), StringComparison.Ordinal);
        Assert.Empty(host.Journal.Newest(10));
        Assert.Equal(["queued"], await host.ReportAsync(token, Message.Alert()));
    }

    [Fact]
    public async Task Denials_are_recorded_without_what_was_shown_and_cannot_fill_the_disk()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        var token = await host.TokenAsync();
        for (var i = 0; i < 15; i++)
            await SeenAsync(host, token[..^1] + "x", "{}", "/webhooks/alertmanager");
        var records = host.Audit.List(null).ToList();
        Assert.Equal(10, records.Count);
        Assert.All(records, r => Assert.Equal(("unknown", "denied"), (r.Actor, r.Outcome)));
        Assert.All(records, r => Assert.DoesNotContain(token[20..40], r.Request + r.Detail, StringComparison.Ordinal));

        host.Clock.Advance(TimeSpan.FromMinutes(1));
        await SeenAsync(host, null, "{}", "/webhooks/alertmanager");
        Assert.Equal("no token was shown (5 earlier denials were not recorded)", host.Audit.List(1).Single().Detail);
    }

    [Fact]
    public async Task A_token_is_stored_as_a_hash_only_and_counts_after_a_restart()
    {
        string token;
        await using (var host = await AlertsHost.StartAsync(folder.Path))
            token = await host.TokenAsync();
        foreach (var file in Directory.GetFiles(folder.Path))
            Assert.DoesNotContain(
                token[13..40],
                Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, Ct)),
                StringComparison.Ordinal
            );

        await using var later = await AlertsHost.StartAsync(folder.Path);
        await Eventually.TrueAsync("alerts are listened for", later.ListensAsync, Ct);
        Assert.Equal(["unmatched"], await later.ReportAsync(token, Message.Alert()));
        Assert.Equal(later.Clock.GetUtcNow(), later.Tokens.All.Single().LastUsed);
    }

    [Fact]
    public async Task Nobody_listens_before_there_is_a_token_and_after_the_last_was_revoked()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        Assert.False(await host.ListensAsync(Ct));
        await host.TokenAsync();
        host.Tokens.Revoke("am");
        await Eventually.TrueAsync("nobody listens", async ct => !await host.ListensAsync(ct), Ct);
        await host.TokenAsync("again");
    }

    [Fact]
    public async Task A_port_that_somebody_has_is_told_once_and_taken_when_it_is_free()
    {
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        other.Listen();
        var port = ((IPEndPoint)other.LocalEndPoint!).Port;
        await using var host = await AlertsHost.StartAsync(folder.Path, setup: new(port));
        Assert.IsType<NewToken.Made>(host.Tokens.Make("am", "a test"));
        await Eventually.TrueAsync("it is told", () => host.Events.LastId > 0, Ct);
        other.Dispose();

        await Eventually.TrueAsync(
            "it listens",
            ct =>
            {
                host.Clock.Advance(WebhookListener.UntilNextTry);
                return host.ListensAsync(ct);
            },
            Ct
        );
        Assert.Equal("alerts.deaf", Assert.Single(host.Events.Tail(10, null)).Kind);
    }

    [Fact]
    public async Task An_address_that_cannot_be_listened_on_is_told_once_and_tried_again()
    {
        // Loopback by its number, and no socket for IPv6 takes it.
        await using var host = await AlertsHost.StartAsync(
            folder.Path,
            setup: new(AlertsHost.FreePort(), Address: "[::ffff:127.0.0.1]")
        );
        Assert.IsType<NewToken.Made>(host.Tokens.Make("am", "a test"));
        await Eventually.TrueAsync("it is told", () => host.Events.LastId > 0, Ct);

        for (var i = 0; i < 3; i++)
            host.Clock.Advance(WebhookListener.UntilNextTry);
        Assert.Equal("alerts.deaf", Assert.Single(host.Events.Tail(10, null)).Kind);
        Assert.False(host.Listener.ExecuteTask!.IsCompleted);
    }

    [Fact]
    public async Task Too_many_requests_of_one_token_are_told_when_to_come_again_and_are_in_nobodys_way()
    {
        await using var host = await AlertsHost.StartAsync(
            folder.Path,
            setup: new(AlertsHost.FreePort(), RequestsPerMinute: 4)
        );
        var (token, other) = (await host.TokenAsync(), await host.TokenAsync("other"));
        for (var i = 0; i < 4; i++)
            await host.ReportAsync(token, Message.Alert());
        using (var refused = await host.PostAsync(token, Message.Of(Message.Alert())))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(15), refused.Headers.RetryAfter!.Delta);
        }
        await host.ReportAsync(other, Message.Alert());
        host.Clock.Advance(TimeSpan.FromSeconds(15));
        await host.ReportAsync(token, Message.Alert());
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_whether_it_says_so_or_not()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        var token = await host.TokenAsync();
        var body = Message.Of(Message.Alert()).PadRight(WebhookMessage.MaxBytes + 1);
        using (var told = await host.PostAsync(token, body))
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, told.StatusCode);
        using (var untold = await host.SendAsync(token, new Chunked(body)))
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, untold.StatusCode);
        using (var most = await host.SendAsync(token, new Chunked(body[..^1])))
            Assert.Equal(HttpStatusCode.OK, most.StatusCode);
        var alerts = Enumerable.Range(0, WebhookMessage.MaxAlerts + 1).Select(i => Message.Alert($"{i}"));
        using (var many = await host.PostAsync(token, Message.Of([.. alerts])))
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, many.StatusCode);
    }

    [Theory]
    [InlineData("text/plain", null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/json; charset=utf-16", null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/json", "gzip", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/json; charset=utf-8", null, HttpStatusCode.OK)]
    [InlineData("Application/JSON", null, HttpStatusCode.OK)]
    public async Task Only_json_is_understood(string type, string? encoding, HttpStatusCode expected)
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        var token = await host.TokenAsync();
        using var content = new StringContent(Message.Of(Message.Alert()));
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        if (encoding is not null)
            content.Headers.ContentEncoding.Add(encoding);
        using var answer = await host.SendAsync(token, content);
        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task There_is_nothing_but_the_webhooks_and_they_take_only_post()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        var token = await host.TokenAsync();
        foreach (
            var path in (string[])
                ["/", "/webhooks", "/webhooks/", "/webhooks/alertmanager/", "/webhooks/../etc", "/metrics"]
        )
        {
            using var nothing = await host.PostAsync(token, "{}", path);
            Assert.Equal(HttpStatusCode.NotFound, nothing.StatusCode);
        }
        using var get = new HttpRequestMessage(HttpMethod.Get, "/webhooks/grafana");
        get.Headers.Authorization = new("Bearer", token);
        using var answer = await host.Client.SendAsync(get, Ct);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["POST"], answer.Content.Headers.Allow);
    }

    [Fact]
    public async Task A_message_that_is_wrong_is_refused_with_the_field_and_nothing_of_it_is_taken()
    {
        await using var host = await AlertsHost.StartAsync(folder.Path);
        host.MapRule("web-down", AlertAction.Restart, "web");
        var token = await host.TokenAsync();
        using var answer = await host.PostAsync(
            token,
            Message.Of(Message.Alert(), Message.Alert("1", status: "pending"))
        );
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(
            """{"error":"alerts[1].status must be firing or resolved"}""",
            await answer.Content.ReadAsStringAsync(Ct)
        );
        Assert.Empty(host.Journal.Newest(10));
        Assert.Empty(host.Actions.Asked);
    }

    [Fact]
    public async Task On_a_full_disk_the_sender_is_told_to_come_again_and_nothing_is_lost()
    {
        using var disk = new SmallDisk(folder["state"], kibibytes: 2048);
        await using var host = await AlertsHost.StartAsync(disk.Path);
        host.MapRule("web-down", AlertAction.Restart, "web");
        var token = await host.TokenAsync();
        // Its use is noted before the disk is full.
        await host.ReportAsync(token, Message.Alert("0", name: "Other"));
        disk.Fill();
        var refused = HttpStatusCode.OK;
        for (var i = 1; refused != HttpStatusCode.ServiceUnavailable; i++)
        {
            Assert.True(i < 2000, "the disk is not full");
            using var answer = await host.PostAsync(token, Message.Of(Message.Alert($"{i}", name: "Other")));
            refused = answer.StatusCode;
        }
        using (var answer = await host.PostAsync(token, Message.Of(Message.Alert("abc"))))
            Assert.Equal(
                (HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(30)),
                (answer.StatusCode, answer.Headers.RetryAfter!.Delta)
            );
        Assert.Empty(host.Actions.Asked);

        disk.Free();
        Assert.Equal(["queued"], await host.ReportAsync(token, Message.Alert("abc")));
        await host.EndsAsync(host.Journal.Newest(1)[0].Id);
        Assert.Single(host.Actions.Asked);
    }

    private static async Task<string> SeenAsync(AlertsHost host, string? token, string body, string path)
    {
        using var answer = await host.PostAsync(token, body, path);
        return await SeenAsync(answer);
    }

    private static async Task<string> SeenAsync(HttpResponseMessage answer)
    {
        answer.Headers.Date = null;
        return $"{answer.StatusCode}\n{answer.Headers}\n{await answer.Content.ReadAsStringAsync(Ct)}";
    }

    /// <summary>Content that does not say how long it is.</summary>
    private sealed class Chunked : HttpContent
    {
        private readonly string text;

        public Chunked(string text)
        {
            this.text = text;
            Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            stream.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
