using System.CommandLine;
using Appliance.Cli.Output;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Commands;

internal sealed class MaintenanceCommand : CliCommand
{
    public MaintenanceCommand()
        : base("maintenance", "Holds the appliance as it is while somebody works on it by hand.")
    {
        Add(new MaintenanceHoldCommand());
        Add(new MaintenanceReleaseCommand());
    }
}

internal sealed class MaintenanceHoldCommand : RunnableCommand
{
    private readonly Option<string> reason = new("--reason")
    {
        Description = "Why, for the audit record and whoever looks at the status",
        HelpName = "TEXT",
    };

    private readonly Option<TimeSpan?> length = new("--for")
    {
        Description = "It ends by itself after that: 30m, 2h, 1d (default: until `maintenance release`)",
        HelpName = "SPAN",
        CustomParser = result =>
        {
            if (Moments.Span(result.Tokens[0].Value) is { } span && span > TimeSpan.Zero)
                return span;
            result.AddError($"--for is a time span such as 30m, 2h or 1d, not '{result.Tokens[0].Value}'.");
            return null;
        },
    };

    public MaintenanceHoldCommand()
        : base("hold", "Nothing is repaired, healed or upgraded by itself; what a person asks for is still done.")
    {
        Examples =
        [
            new("maintenance hold --for 2h --reason 'disk swap, ticket 4711'", "hands off until then"),
            new("maintenance hold", "until it is released"),
        ];
        Add(reason);
        Add(length);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var request = new HoldRequest
        {
            Reason = parse.GetValue(reason) ?? "",
            For = parse.GetValue(length) is { } span ? Duration.FromTimeSpan(span) : null,
        };
        var state = await session.Agent.Maintenance.HoldAsync(request, session.Promptly(cancellationToken));
        session.Print(state, (screen, s) => screen.WriteLine(Text.OneLine(s.Sentence)));
        return ExitCode.Done;
    }
}

internal sealed class MaintenanceReleaseCommand : RunnableCommand
{
    public MaintenanceReleaseCommand()
        : base("release", "Ends the hold: what is not as it should be is repaired again.") =>
        Examples = [new("maintenance release", "the work is done")];

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var state = await session.Agent.Maintenance.ReleaseAsync(new(), session.Promptly(cancellationToken));
        session.Print(state, (screen, s) => screen.WriteLine(Text.OneLine(s.Sentence)));
        return ExitCode.Done;
    }
}
