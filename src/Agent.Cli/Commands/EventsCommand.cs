using System.CommandLine;
using Appliance.Cli.Output;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Cli.Commands;

internal sealed class EventsCommand : RunnableCommand
{
    private readonly Option<bool> follow = CommonOptions.Follow("Go on with new events as they happen, until Ctrl-C");
    private readonly Option<int?> tail = CommonOptions.Tail("The last N of the past events; all when absent");
    private readonly Option<string> service = new("--service")
    {
        Description = "Only events of this service",
        HelpName = "NAME",
    };

    private readonly Option<long> after = new("--after")
    {
        Description = "Only events after the one with this id",
        HelpName = "ID",
        CustomParser = result =>
        {
            if (long.TryParse(result.Tokens[0].Value, out var id) && id >= 0)
                return id;
            result.AddError($"--after is the id of an event, not '{result.Tokens[0].Value}'.");
            return 0;
        },
    };

    public EventsCommand()
        : base("events", "What happened, and what the agent did about it.")
    {
        Examples =
        [
            new("events -n 20", "the last twenty"),
            new("events -f --service web", "watch one service"),
            new("events -o json --after 4711", "go on where a script left off"),
        ];
        Add(follow);
        Add(tail);
        Add(service);
        Add(after);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var request = new StreamEventsRequest
        {
            Follow = parse.GetValue(follow),
            AfterId = parse.GetValue(after),
            Service = parse.GetValue(service) ?? "",
        };
        if (parse.GetValue(tail) is { } n)
            request.Tail = n;

        if (request is { Follow: true, HasTail: true, Tail: 0 })
            await StartAtLastAsync(session, request, cancellationToken);

        await Streaming.RunAsync(
            session,
            request.Follow,
            (client, options) => client.Events.StreamEvents(request, options),
            item =>
            {
                session.PrintItem(item, EventsView.Write);
                // Where to go on after a lost connection. Ids only grow, and the tail was for the first answer.
                request.AfterId = item.Id;
                request.ClearTail();
            },
            isLast: null,
            cancellationToken
        );
        return ExitCode.Done;
    }

    /// <summary>From now on means after the last event, which must be known to go on after a lost connection.</summary>
    private static async Task StartAtLastAsync(
        Session session,
        StreamEventsRequest request,
        CancellationToken cancellationToken
    )
    {
        var last = request.Clone();
        last.Follow = false;
        last.Tail = 1;
        using var call = session.Agent.Events.StreamEvents(last, session.Promptly(cancellationToken));
        await foreach (var item in call.ResponseStream.ReadAllAsync(cancellationToken))
            request.AfterId = item.Id;
        request.ClearTail();
    }
}
