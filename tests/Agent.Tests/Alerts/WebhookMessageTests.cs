using System.Diagnostics;
using System.Text;
using Appliance.Agent.Alerts;

namespace Appliance.Agent.Tests.Alerts;

/// <summary>Bytes from outside: what is understood, what is refused and how, and that nothing else can come of them.</summary>
public sealed class WebhookMessageTests
{
    // As Grafana 11 sends it, shortened.
    private const string OfGrafana = """
        {"receiver":"appliance","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"High memory usage",
        "team":"blue","zone":"us-1"},"annotations":{"description":"too much","summary":"memory"},
        "startsAt":"2021-10-12T09:51:03.157076+02:00","endsAt":"0001-01-01T00:00:00Z",
        "generatorURL":"https://play.grafana.org/alerting/1afz29v7z/edit","fingerprint":"c6eadffa33fcdf37",
        "silenceURL":"https://play.grafana.org/alerting/silence/new","dashboardURL":"","panelURL":"",
        "values":{"B":44.23943737541908,"C":null},"valueString":"[ var='B' value=44.23 ]"}],
        "groupLabels":{},"commonLabels":{"team":"blue"},"commonAnnotations":{},"externalURL":"https://play.grafana.org/",
        "version":"1","groupKey":"{}:{}","truncatedAlerts":2,"orgId":1,"title":"[FIRING:1]","state":"alerting",
        "message":"**Firing**"}
        """;

    [Fact]
    public void A_message_of_alertmanager_is_understood()
    {
        var good = Good(AlertSource.Alertmanager, Message.Of(Message.Alert(more: ",\"severity\":\"critical\"")));
        var alert = Assert.Single(good.Alerts);
        Assert.Equal(
            ("webhook:am", "alertmanager", "0123456789abcdef"),
            (alert.Sender, alert.Source, alert.Fingerprint)
        );
        Assert.Equal(new DateTimeOffset(2026, 1, 15, 11, 58, 3, TimeSpan.Zero).AddTicks(1234567), alert.StartsAt);
        Assert.False(alert.IsResolved);
        Assert.Equal("critical", alert.Labels["severity"]);
        Assert.Equal(0, good.LeftOut);
    }

    [Fact]
    public void A_message_of_grafana_is_understood()
    {
        var good = Good(AlertSource.Grafana, OfGrafana);
        var alert = Assert.Single(good.Alerts);
        Assert.Equal(new DateTimeOffset(2021, 10, 12, 7, 51, 3, 157, TimeSpan.Zero).AddTicks(760), alert.StartsAt);
        Assert.Equal(TimeSpan.Zero, alert.StartsAt.Offset);
        Assert.Equal("High memory usage", alert.Labels["alertname"]);
        Assert.Equal(2, good.LeftOut);
    }

    [Fact]
    public void An_alert_without_a_fingerprint_is_known_by_its_labels_in_any_order()
    {
        const string Alert = """{"status":"firing","startsAt":"2026-01-15T12:00:00Z","labels":{LABELS}}""";
        var known = new[]
        {
            "\"a\":\"1\",\"b\":\"2\"",
            "\"b\":\"2\",\"a\":\"1\"",
            "\"a\":\"1b\",\"b\":\"2\"",
            "\"a\":\"1\"",
        }
            .Select(labels => Good(AlertSource.Alertmanager, Message.Of(Alert.Replace("LABELS", labels))))
            .Select(m => m.Alerts[0].Fingerprint)
            .ToList();
        Assert.StartsWith("labels-", known[0], StringComparison.Ordinal);
        Assert.Equal(known[0], known[1]);
        Assert.Equal(3, known.Distinct().Count());
    }

    [Theory]
    [InlineData("", "the body is not the JSON that it should be")]
    [InlineData("null", "the body must be an object")]
    [InlineData("[]", "the body is not the JSON that it should be")]
    [InlineData("{}", "version must be \"4\" for alertmanager")]
    [InlineData("{\"version\":4}", "version is not what it should be")]
    [InlineData("{\"version\":\"4\"}", "alerts is missing")]
    [InlineData("{\"version\":\"4\",\"alerts\":{}}", "alerts is not what it should be")]
    [InlineData("{\"version\":\"4\",\"alerts\":[null]}", "alerts[0] must be an object")]
    [InlineData("{\"version\":\"4\",\"alerts\":[1]}", "alerts[0] is not what it should be")]
    [InlineData(
        "{\"version\":\"4\",\"alerts\":[],\"alerts\":[]}",
        "alerts is not what it should be, or is given twice"
    )]
    [InlineData("{\"version\":\"4\",\"alerts\":[]} {}", "the body is not the JSON that it should be")]
    public void What_is_no_message_is_refused_with_the_field(string body, string why) =>
        Assert.StartsWith(why, Bad(body), StringComparison.Ordinal);

    [Theory]
    [InlineData("{}", "alerts[0].status must be firing or resolved")]
    [InlineData("{'status':'Firing'}", "alerts[0].status must be")]
    [InlineData("{'status':'firing'}", "alerts[0].startsAt is missing")]
    [InlineData("{'status':'firing','startsAt':'yesterday'}", "alerts[0].startsAt is not what it should be")]
    [InlineData("{'status':'firing','startsAt':'2026-01-15T12:00:00Z'}", "alerts[0].labels is missing")]
    [InlineData("{'status':'firing','startsAt':'2026-01-15T12:00:00Z','labels':{}}", "alerts[0].labels is missing")]
    [InlineData("{'labels':{'a':1}}", "alerts[0].labels.a is not what it should be")]
    [InlineData("{'labels':{'a':'b','a':'c'}}", "alerts[0].labels.a is not what it should be, or is given twice")]
    [InlineData("{'labels':{'a':'b'},'labels':{'a':'c'}}", "alerts[0].labels is not what it should be, or is given")]
    [InlineData(
        "{'status':'firing','startsAt':'2026-01-15T12:00:00Z','labels':{'a':null}}",
        "alerts[0].labels.a must be"
    )]
    [InlineData(
        "{'status':'firing','startsAt':'2026-01-15T12:00:00Z','labels':{'':'b'}}",
        "alerts[0].labels: a name is"
    )]
    [InlineData(
        "{'status':'firing','startsAt':'2026-01-15T12:00:00Z','labels':{'a\\u0007':'b'}}",
        "alerts[0].labels: a name"
    )]
    [InlineData(
        "{'status':'firing','startsAt':'2026-01-15T12:00:00Z','labels':{'a':'b'},'fingerprint':'a-b'}",
        "alerts[0].fingerprint must be"
    )]
    public void What_is_no_alert_is_refused_with_the_field(string alert, string why) =>
        Assert.StartsWith(why, Bad(Message.Of(alert.Replace('\'', '"'))), StringComparison.Ordinal);

    [Fact]
    public void Labels_and_alerts_have_limits()
    {
        string Labels(int count, int length) =>
            Message.Alert(
                more: string.Concat(Enumerable.Range(1, count).Select(i => $",\"l{i}\":\"{new string('x', length)}\""))
            );

        Good(AlertSource.Alertmanager, Message.Of(Labels(AlertLabels.MaxCount - 1, 10)));
        Assert.Equal("alerts[0].labels: more than 64", Bad(Message.Of(Labels(AlertLabels.MaxCount, 10))));
        Good(AlertSource.Alertmanager, Message.Of(Labels(1, AlertLabels.MaxValue)));
        Assert.StartsWith("alerts[0].labels.l1: longer than", Bad(Message.Of(Labels(1, AlertLabels.MaxValue + 1))));
        Assert.EndsWith("characters together", Bad(Message.Of(Labels(4, AlertLabels.MaxValue))));
        Assert.StartsWith(
            "alerts[0].labels: a name is empty, or longer",
            Bad(Message.Of(Message.Alert(more: $",\"{new string('n', AlertLabels.MaxName + 1)}\":\"x\"")))
        );
        var most = Enumerable.Range(0, WebhookMessage.MaxAlerts).Select(i => Message.Alert($"{i}")).ToArray();
        Assert.Equal(WebhookMessage.MaxAlerts, Good(AlertSource.Alertmanager, Message.Of(most)).Alerts.Count);
        Assert.IsType<ReadMessage.TooMany>(Read(Bytes(Message.Of([.. most, Message.Alert()]))));
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{\"a\":")]
    public void A_message_that_is_nested_deeply_is_refused_at_once(string opening)
    {
        var deep = string.Concat(Enumerable.Repeat(opening, 100_000));
        var watch = Stopwatch.StartNew();
        Assert.IsType<ReadMessage.Bad>(Read(Bytes(deep)));
        Assert.IsType<ReadMessage.Bad>(Read(Bytes($"{{\"version\":\"4\",\"alerts\":{deep}")));
        Assert.IsType<ReadMessage.Bad>(Read(Bytes($"{{\"unknown\":{deep}")));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_reason_for_refusing_is_short_whatever_the_message_holds()
    {
        var name = new string('n', 100_000);
        Assert.InRange(Bad(Message.Of($"{{\"labels\":{{\"{name}\":1}}}}")).Length, 1, 400);
        Assert.InRange(Bad(Message.Of(Message.Alert(more: $",\"{name}\":null"))).Length, 1, 400);
    }

    [Fact]
    public void Whatever_the_bytes_are_they_are_understood_or_refused()
    {
        var random = new Random(20260115);
        var seeds = new[] { Message.Of(Message.Alert(), Message.Alert("1", status: "resolved")), OfGrafana }
            .Select(Bytes)
            .ToArray();
        byte[][] pieces =
        [
            .. "{}[]\":,\\\0"u8.ToArray().Select(b => new[] { b }),
            "null"u8.ToArray(),
            "1e999"u8.ToArray(),
            "-0"u8.ToArray(),
            "\"\\ud800\""u8.ToArray(),
            "\\udc00"u8.ToArray(),
            [0xC0, 0x80],
            [0xFF],
            [0xED, 0xA0, 0x80],
            "\"startsAt\":\"0001-01-01T00:00:00+14:00\""u8.ToArray(),
            "\"startsAt\":\"9999-12-31T23:59:59-14:00\""u8.ToArray(),
            "99999999999999999999"u8.ToArray(),
        ];
        var (good, bad) = (0, 0);
        for (var round = 0; round < 40_000; round++)
        {
            var bytes = seeds[random.Next(seeds.Length)].ToList();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(5))
                {
                    case 0:
                        bytes[at] = (byte)random.Next(256);
                        break;
                    case 1:
                        bytes.RemoveRange(at, random.Next(Math.Min(40, bytes.Count - at)));
                        break;
                    case 2:
                        bytes.InsertRange(at, bytes.GetRange(at, random.Next(Math.Min(80, bytes.Count - at))));
                        break;
                    case 3:
                        bytes.InsertRange(at, pieces[random.Next(pieces.Length)]);
                        break;
                    default:
                        bytes.RemoveRange(at + 1, bytes.Count - at - 1);
                        break;
                }
            }
            switch (Read([.. bytes], random.Next(2) == 0 ? AlertSource.Alertmanager : AlertSource.Grafana))
            {
                case ReadMessage.Good message:
                    good++;
                    Assert.All(message.Alerts, a => Assert.Null(AlertLabels.WhyNot("labels", a.Labels)));
                    break;
                case ReadMessage.Bad refused:
                    bad++;
                    Assert.InRange(refused.Why.Length, 1, 400);
                    break;
            }
        }
        // Both happen, or the test tries nothing.
        Assert.True(good > 500 && bad > 500, $"{good} good, {bad} bad");
    }

    private static ReadMessage.Good Good(AlertSource source, string body) =>
        Assert.IsType<ReadMessage.Good>(Read(Bytes(body), source));

    private static string Bad(string body) => Assert.IsType<ReadMessage.Bad>(Read(Bytes(body))).Why;

    private static ReadMessage Read(byte[] body, AlertSource? source = null) =>
        WebhookMessage.Read(source ?? AlertSource.Alertmanager, "webhook:am", body);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
