using System.CommandLine;
using System.Globalization;
using Appliance.Load;

var target = new Argument<Uri>("URL")
{
    Description = "What to put load on",
    CustomParser = result =>
    {
        if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            return url;
        result.AddError($"'{result.Tokens[0].Value}' is no http or https URL.");
        return null;
    },
};
var normal = new LoadOptions { Target = new("http://localhost") };
var rate = Number("--rate", "Short requests per second", normal.Rate);
var seconds = Number("--seconds", "How long; without end, until it is interrupted, when 0", 0);
var connections = Number("--connections", "Connections that are kept alive", normal.Connections);
var longRequests = Number("--long", "Long requests under way at a time", normal.LongRequests);
var longSeconds = Number("--long-seconds", "How long such a request takes", normal.LongTime.TotalSeconds);
var webSockets = Number("--websockets", "WebSockets that echo a message each second", normal.WebSockets);
var timeout = Number("--timeout", "Seconds after which a request has failed", normal.Timeout.TotalSeconds);
var host = new Option<string?>("--host") { Description = "What requests name as their host (default: the URL's)" };
var mix = new Option<Mix>("--mix")
{
    Description = "Parts of short requests: kept alive, new connection, POST, HTTP/2 with https (default: 5,2,2,1)",
    HelpName = "A,B,C,D",
    CustomParser = result =>
    {
        int?[] parts =
        [
            .. result
                .Tokens[0]
                .Value.Split(',')
                .Select(p => int.TryParse(p, CultureInfo.InvariantCulture, out var n) && n >= 0 ? n : (int?)null),
        ];
        if (parts is [{ } alive, { } fresh, { } post, { } http2] && alive + fresh + post + http2 > 0)
            return new(alive, fresh, post, http2);
        result.AddError("--mix is four numbers as 5,2,2,1, and not all of them 0.");
        return null;
    },
    DefaultValueFactory = _ => new(),
};
var marks = new Option<bool>("--marks")
{
    Description = "Each line of standard input begins a phase; its end is the end",
};
var output = new Option<string>("--output", "-o") { Description = "table or json", DefaultValueFactory = _ => "table" };
output.AcceptOnlyFromAmong("table", "json");

var command = new RootCommand(
    "Puts constant load on an application, and counts every failure. Exit code 1 if there was one."
)
{
    target,
    rate,
    seconds,
    connections,
    longRequests,
    longSeconds,
    webSockets,
    timeout,
    host,
    mix,
    marks,
    output,
};
command.SetAction(
    async (parsed, ct) =>
    {
        var options = new LoadOptions
        {
            Target = parsed.GetValue(target)!,
            Host = parsed.GetValue(host),
            Rate = parsed.GetValue(rate),
            Mix = parsed.GetValue(mix)!,
            Connections = (int)parsed.GetValue(connections),
            LongRequests = (int)parsed.GetValue(longRequests),
            LongTime = TimeSpan.FromSeconds(parsed.GetValue(longSeconds)),
            WebSockets = (int)parsed.GetValue(webSockets),
            Timeout = TimeSpan.FromSeconds(parsed.GetValue(timeout)),
        };
        await using var run = await LoadRun.StartAsync(options, TimeProvider.System, CancellationToken.None);
        try
        {
            if (parsed.GetValue(marks))
            {
                while (await Console.In.ReadLineAsync(ct) is { } phase)
                    run.Mark(phase);
            }
            else
            {
                var time = parsed.GetValue(seconds) is > 0 and var s
                    ? TimeSpan.FromSeconds(s)
                    : Timeout.InfiniteTimeSpan;
                await Task.Delay(time, TimeProvider.System, ct);
            }
        }
        catch (OperationCanceledException)
        {
            // Interrupted: that is an end like any other.
        }
        var report = await run.StopAsync(CancellationToken.None);
        await Console.Out.WriteAsync(parsed.GetValue(output) == "json" ? report.ToJson() + "\n" : report.ToString());
        return report.Failed == 0 ? 0 : 1;
    }
);

var asked = command.Parse(args);
if (asked.Errors.Count > 0)
{
    foreach (var error in asked.Errors)
        await Console.Error.WriteLineAsync(error.Message);
    return 2;
}

// After an interruption the requests under way still end by themselves.
return await asked.InvokeAsync(new() { ProcessTerminationTimeout = TimeSpan.FromMinutes(2) });

static Option<double> Number(string name, string description, double value) =>
    new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => value,
    };
