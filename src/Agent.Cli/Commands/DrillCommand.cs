using System.CommandLine;
using Appliance.Cli.Output;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Commands;

internal sealed class DrillCommand : RunnableCommand
{
    private readonly Argument<string[]> names = CommonOptions.Services<string[]>(
        "Disasters to bring about; --list shows them",
        ArgumentArity.ZeroOrMore
    );

    private readonly Option<bool> all = new("--all") { Description = "All of them, one after the other" };
    private readonly Option<bool> list = new("--list") { Description = "Only print what can be brought about here" };

    private readonly Option<string> service = new("--service", "-s")
    {
        Description = "What they are aimed at (default: the service that is reached from outside)",
        HelpName = "SERVICE",
    };

    private readonly Option<TimeSpan?> window = new("--window")
    {
        Description = "Nothing is brought about after that: 90s, 10m, 1h (default: 10m)",
        HelpName = "SPAN",
        CustomParser = result =>
        {
            if (Moments.Span(result.Tokens[0].Value) is { } span && span > TimeSpan.Zero)
                return span;
            result.AddError($"--window is a time span such as 90s, 10m or 1h, not '{result.Tokens[0].Value}'.");
            return null;
        },
    };

    private readonly Option<bool> isShort = new("--short") { Description = "What lasts for a while lasts shorter" };

    private readonly Option<string> report = new("--report")
    {
        Description = "Write the report to a file, as Markdown",
        HelpName = "FILE",
    };

    private readonly Option<bool> yes = Confirmation.Option();

    public DrillCommand()
        : base("drill", "Brings disasters about on purpose, and measures how the appliance copes.")
    {
        Notes =
        [
            "It disturbs the application while it runs. Each disaster begins when all is well, and is undone at its end, or",
            "at the agent's next start. Ctrl-C ends the watching only: see `appliancectl operations`.",
            "Exit codes: 0 recovered from in time, 1 not, or cancelled, 5 refused, or nothing of it could be run here.",
        ];
        Examples =
        [
            new("drill --list", "what there is, and what of it not here"),
            new("drill kill-service --service web", "one, for one service"),
            new("drill --all --window 30m --yes --report drill.md", "all, with a report to keep"),
            new("drill --all --short --yes -o json", "for a script"),
        ];
        Add(names);
        Add(all);
        Add(list);
        Add(service);
        Add(window);
        Add(isShort);
        Add(report);
        Add(yes);
        Validators.Add(result =>
        {
            var given = result.GetValue(names) is { Length: > 0 };
            var ways = (given ? 1 : 0) + (result.GetValue(all) ? 1 : 0) + (result.GetValue(list) ? 1 : 0);
            if (ways != 1)
                result.AddError("Name the disasters, or give --all, or --list.");
        });
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        if (parse.GetValue(list))
            return await ListAsync(parse, session, cancellationToken);
        var confirmation = new Confirmation(parse.GetValue(yes));
        var wanted = parse.GetValue(names) ?? [];
        var what = wanted.Length > 0 ? string.Join(", ", wanted) : "all disasters";
        var at = parse.GetValue(service) is { } named ? $" for {named}" : "";
        if (!confirmation.Confirms(session, Text.OneLine($"Bring {what} about{at}, while the application is used?")))
            return ExitCode.Failed;

        var request = new StartDrillRequest
        {
            Names = { wanted },
            Service = parse.GetValue(service) ?? "",
            Window = parse.GetValue(window) is { } span ? Duration.FromTimeSpan(span) : null,
            Short = parse.GetValue(isShort),
        };
        var follower = new OperationFollower(session) { PrintsResult = false };
        var exit = await follower.StartAsync(
            options => session.Agent.Drills.StartDrillAsync(request, options),
            cancellationToken
        );
        if (follower.Latest is { } operation && operation.HasEnded())
            await ReportAsync(parse, session, operation.Id, cancellationToken);
        return exit;
    }

    private async Task<ExitCode> ListAsync(ParseResult parse, Session session, CancellationToken cancellationToken)
    {
        var answer = await session.Agent.Drills.ListDisastersAsync(
            new ListDisastersRequest { Service = parse.GetValue(service) ?? "" },
            session.Promptly(cancellationToken)
        );
        session.Print(answer, DrillView.WriteList);
        return ExitCode.Done;
    }

    private async Task ReportAsync(ParseResult parse, Session session, string id, CancellationToken cancellationToken)
    {
        var answer = await session.Agent.Drills.GetDrillReportAsync(
            new GetDrillReportRequest { Id = id },
            session.Promptly(cancellationToken)
        );
        session.Print(answer, (screen, r) => DrillView.WriteReport(screen, r, session.Clock.GetUtcNow()));
        if (parse.GetValue(report) is not { } file)
            return;
        await File.WriteAllTextAsync(file, DrillReportText.Of(answer), cancellationToken);
        session.Error.WriteLine($"appliancectl: the report is in {Text.OneLine(file)}");
    }
}
