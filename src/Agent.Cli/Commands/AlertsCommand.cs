using System.CommandLine;
using Appliance.Cli.Output;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Commands;

internal sealed class AlertsCommand : CliCommand
{
    public AlertsCommand()
        : base("alerts", "Alerts of a monitoring system, and what they make the appliance do.")
    {
        Add(new AlertsListCommand());
        Add(new AlertsMapCommand());
        Add(new AlertsUnmapCommand());
        Add(new AlertsTestCommand());
    }
}

internal sealed class AlertsListCommand : RunnableCommand
{
    private readonly Option<int> limit = CommonOptions.Limit("alerts");

    public AlertsListCommand()
        : base("list", "The rules in their order, and the alerts that were received, newest first.")
    {
        Examples =
        [
            new("alerts list", "what was decided, and why"),
            new(
                "alerts list --limit 0 -o json | jq '.alerts[] | select(.state == \"ALERT_STATE_REFUSED\")'",
                "refusals"
            ),
        ];
        Add(limit);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Alerts.ListAlertsAsync(
            new() { Limit = parse.GetValue(limit) },
            session.Promptly(cancellationToken)
        );
        session.Print(answer, (screen, a) => AlertsView.WriteList(screen, a, session.Clock.GetUtcNow()));
        return ExitCode.Done;
    }
}

internal sealed class AlertsMapCommand : RunnableCommand
{
    private readonly Argument<string> name = new("NAME") { Description = "The rule; one of that name is replaced" };

    private readonly Option<Dictionary<string, string>> matchers = CommonOptions.Labels(
        "--match",
        "A label that the alert must have with exactly this value; several: all of them"
    );

    private readonly Option<AlertAction> action = new("--action")
    {
        Description = "What is done",
        HelpName = "restart|recreate|run|reboot|nothing",
        Required = true,
        CustomParser = result =>
        {
            if (AlertsView.ActionOf(result.Tokens[0].Value) is { } known)
                return known;
            result.AddError($"--action is restart, recreate, run, reboot or nothing, not '{result.Tokens[0].Value}'.");
            return default;
        },
    };

    private readonly Option<string> service = new("--service")
    {
        Description = "Whom it is done to: for restart, recreate and run",
        HelpName = "NAME",
    };

    private readonly Option<TimeSpan?> coolDown = new("--cool-down")
    {
        Description = "How long the rule rests after it acted (default: 10m)",
        HelpName = "TIME",
        CustomParser = result =>
        {
            if (Moments.Span(result.Tokens[0].Value) is { } span)
                return span;
            result.AddError($"--cool-down is a time as 90s, 10m or 2h, not '{result.Tokens[0].Value}'.");
            return null;
        },
    };

    private readonly Option<bool> dryRun = new("--dry-run") { Description = "Only record what would be done" };

    private readonly Option<string> before = new("--before")
    {
        Description = "The rule that this one is tried before (default: last, or where it is)",
        HelpName = "NAME",
    };

    public AlertsMapCommand()
        : base("map", "Makes a rule: which alerts do what, and to which service. The first that matches decides.")
    {
        Notes = ["What is in an alert never chooses the service: only the rule does."];
        Examples =
        [
            new(
                "alerts map web-down --match alertname=WebDown --action restart --service web --dry-run",
                "try it: see with `alerts list` what it would do"
            ),
            new("alerts map web-down --match alertname=WebDown --action restart --service web", "in earnest"),
            new(
                "alerts map db-noise --match alertname=SlowQuery --match service=db --action nothing --before web-down",
                "an alert that is known, and to be left alone"
            ),
        ];
        Add(name);
        Add(matchers);
        Add(action);
        Add(service);
        Add(coolDown);
        Add(dryRun);
        Add(before);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var rule = new AlertRule
        {
            Name = parse.GetRequiredValue(name),
            Matchers = { parse.GetRequiredValue(matchers) },
            Action = parse.GetRequiredValue(action),
            Service = parse.GetValue(service) ?? "",
            CoolDown = parse.GetValue(coolDown)?.ToDuration(),
            DryRun = parse.GetValue(dryRun),
        };
        var answer = await session.Agent.Alerts.MapAlertAsync(
            new() { Rule = rule, Before = parse.GetValue(before) ?? "" },
            session.Promptly(cancellationToken)
        );
        session.Print(answer, AlertsView.WriteMapped);
        return ExitCode.Done;
    }
}

internal sealed class AlertsUnmapCommand : RunnableCommand
{
    private readonly Argument<string> name = new("NAME") { Description = "The rule" };

    public AlertsUnmapCommand()
        : base("unmap", "Takes a rule away.")
    {
        Examples = [new("alerts unmap web-down", "these alerts do nothing any more")];
        Add(name);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var rule = parse.GetRequiredValue(name);
        var answer = await session.Agent.Alerts.UnmapAlertAsync(
            new() { Name = rule },
            session.Promptly(cancellationToken)
        );
        session.Print(answer, (screen, _) => screen.WriteLine($"{Text.OneLine(rule)} is no rule any more"));
        return ExitCode.Done;
    }
}

internal sealed class AlertsTestCommand : RunnableCommand
{
    private readonly Option<Dictionary<string, string>> labels = CommonOptions.Labels(
        "--label",
        "A label of the alert; several: all of them"
    );

    public AlertsTestCommand()
        : base("test", "What an alert with these labels would do now. Nothing is done.")
    {
        Examples = [new("alerts test --label alertname=WebDown --label severity=critical", "which rule would decide?")];
        Add(labels);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Alerts.TestAlertAsync(
            new() { Labels = { parse.GetRequiredValue(labels) } },
            session.Promptly(cancellationToken)
        );
        session.Print(answer, AlertsView.WriteTest);
        return ExitCode.Done;
    }
}
