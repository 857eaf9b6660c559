using System.CommandLine;
using Appliance.Cli.Output;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Commands;

internal sealed class ServicesLogsCommand : RunnableCommand
{
    private readonly Argument<string[]> names = CommonOptions.Services<string[]>(
        "The services; all when absent",
        ArgumentArity.ZeroOrMore
    );

    private readonly Option<bool> follow = CommonOptions.Follow("Go on with new lines as they come, until Ctrl-C");
    private readonly Option<int?> tail = CommonOptions.Tail("The last N lines of each container; all when absent");
    private readonly Option<DateTimeOffset?> since = new("--since")
    {
        Description = "Only lines since then: 10m, 1h30m, 2d, or a time as 2026-01-15T12:00:00Z",
        HelpName = "TIME",
        CustomParser = result =>
        {
            if (Moments.Parse(result.Tokens[0].Value, TimeProvider.System.GetUtcNow()) is { } moment)
                return moment;
            result.AddError(
                $"--since is a time span (10m, 1h30m) or a time (RFC 3339), not '{result.Tokens[0].Value}'."
            );
            return null;
        },
    };

    private readonly Option<bool> timestamps = new("--timestamps", "-t") { Description = "Print each line's time" };
    private readonly Option<bool> noPrefix = new("--no-prefix") { Description = "Print the lines alone" };

    public ServicesLogsCommand()
        : base("logs", "What the containers print. A ! before the bar marks standard error.")
    {
        Examples =
        [
            new("services logs -f", "watch everything"),
            new("services logs web db --since 10m -t", "two services, the last ten minutes, with times"),
            new("services logs web -n 100 --no-prefix", "the last lines as they are"),
        ];
        Add(names);
        Add(follow);
        Add(tail);
        Add(since);
        Add(timestamps);
        Add(noPrefix);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var request = new StreamLogsRequest { Follow = parse.GetValue(follow) };
        request.Services.AddRange(parse.GetValue(names) ?? []);
        if (parse.GetValue(tail) is { } n)
            request.Tail = n;
        if (parse.GetValue(since) is { } moment)
            request.Since = moment.ToTimestamp();

        var view = new LogsView(parse.GetValue(timestamps), prefix: !parse.GetValue(noPrefix));
        if (view.Prefix && session.Format == OutputFormat.Table)
            view.MakeRoomFor(await PrefixesAsync(session, request, cancellationToken));

        var position = new LogPosition(request, session.Clock.GetUtcNow());
        await Streaming.RunAsync(
            session,
            request.Follow,
            (client, options) => client.Services.StreamLogs(position.NextRequest(), options),
            line =>
            {
                if (position.Advance(line))
                    session.PrintItem(line, view.Write);
            },
            isLast: null,
            cancellationToken
        );
        return ExitCode.Done;
    }

    /// <summary>The longest prefix of each service, so that columns are right from the first line on.</summary>
    private static async Task<IEnumerable<string>> PrefixesAsync(
        Session session,
        StreamLogsRequest request,
        CancellationToken cancellationToken
    )
    {
        var all = await session.Agent.Services.ListServicesAsync(new(), session.Promptly(cancellationToken));
        return all
            .Services.Where(s => request.Services.Count == 0 || request.Services.Contains(s.Name))
            .Select(s => $"{s.Name}-{Math.Max(1, s.Replicas)}");
    }
}
