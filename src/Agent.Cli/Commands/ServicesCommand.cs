using System.CommandLine;
using Appliance.Cli.Output;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Cli.Commands;

internal sealed class ServicesCommand : CliCommand
{
    public ServicesCommand()
        : base("services", "The application's services: look at them, start and stop them, read what they print.")
    {
        Add(new ServicesListCommand());
        Add(new ServicesShowCommand());
        Add(
            new ServicesChangeCommand(
                "start",
                "Starts services, and withdraws the wish that they be stopped.",
                takesReason: false,
                (client, name, _, options) => client.StartServiceAsync(new() { Name = name }, options)
            )
            {
                Examples = [new("services start web", "bring a stopped service back")],
            }
        );
        Add(
            new ServicesChangeCommand(
                "stop",
                "Stops services. They stay stopped, over reboots too, until `services start`.",
                takesReason: true,
                (client, name, reason, options) =>
                    client.StopServiceAsync(new() { Name = name, Reason = reason }, options)
            )
            {
                Examples =
                [
                    new("services stop web worker", "two at once"),
                    new("services stop db --reason 'disk swap, ticket 4711'", "and say why, for the audit record"),
                ],
            }
        );
        Add(
            new ServicesChangeCommand(
                "restart",
                "Restarts the containers of services in place, whatever their state.",
                takesReason: true,
                (client, name, reason, options) =>
                    client.RestartServiceAsync(new() { Name = name, Reason = reason }, options)
            )
            {
                Examples = [new("services restart web --reason 'new certificate'", "restart, and say why")],
            }
        );
        Add(
            new ServicesChangeCommand(
                "recreate",
                "Makes other containers for services: volumes stay, what was written beside them goes.",
                takesReason: true,
                (client, name, reason, options) =>
                    client.RecreateServiceAsync(new() { Name = name, Reason = reason }, options)
            )
            {
                Examples = [new("services recreate web --reason 'spoilt cache'", "begin anew, and say why")],
            }
        );
        Add(new ServicesLogsCommand());
    }
}

internal sealed class ServicesListCommand : RunnableCommand
{
    public ServicesListCommand()
        : base("list", "All services, a line each.") =>
        Examples = [
            new("services list", "state, replicas, restarts, ports"),
            new(
                "services list -o json | jq -r '.services[] | select(.state != \"SERVICE_STATE_RUNNING\") | .name'",
                "names"
            ),
        ];

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Services.ListServicesAsync(new(), session.Promptly(cancellationToken));
        session.Print(answer, (screen, a) => ServicesView.WriteList(screen, a.Services, session.Clock.GetUtcNow()));
        return ExitCode.Done;
    }
}

internal sealed class ServicesShowCommand : RunnableCommand
{
    private readonly Argument<string> name = CommonOptions.Services<string>("The service", ArgumentArity.ExactlyOne);

    public ServicesShowCommand()
        : base("show", "One service: its state and why, containers, dependencies, probes, recent events.")
    {
        Examples = [new("services show web", "why is it not running?")];
        Add(name);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var request = new GetServiceRequest { Name = parse.GetRequiredValue(name) };
        var service = await session.Agent.Services.GetServiceAsync(request, session.Promptly(cancellationToken));
        session.Print(service, (screen, s) => ServicesView.WriteDetail(screen, s, session.Clock.GetUtcNow()));
        return ExitCode.Done;
    }
}

/// <summary>Start, stop, restart and recreate: the same change asked of each service named, in the order given.</summary>
internal sealed class ServicesChangeCommand : RunnableCommand
{
    private readonly Argument<string[]> names = CommonOptions.Services<string[]>(
        "The services",
        ArgumentArity.OneOrMore
    );

    private readonly Option<string> reason = new("--reason")
    {
        Description = "Why, for the audit record",
        HelpName = "TEXT",
    };

    private readonly Change change;

    public ServicesChangeCommand(string name, string description, bool takesReason, Change change)
        : base(name, description)
    {
        this.change = change;
        Add(names);
        if (takesReason)
            Add(reason);
    }

    internal delegate AsyncUnaryCall<ServiceDetail> Change(
        ServicesService.ServicesServiceClient client,
        string name,
        string reason,
        CallOptions options
    );

    /// <summary>One that fails does not keep the others from their turn; the first failure is the exit code.</summary>
    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var why = parse.GetResult(reason)?.GetValueOrDefault<string>() ?? "";
        var exitCode = ExitCode.Done;
        foreach (var name in parse.GetRequiredValue(names).Distinct())
        {
            try
            {
                // No deadline: a restart lasts as long as the service's own stop grace period.
                var call = change(session.Agent.Services, name, why, new(cancellationToken: cancellationToken));
                Print(session, await call);
            }
            catch (RpcException e) when (Failure.Explain(e, session) is { } failure)
            {
                failure.PrintTo(session.Error);
                exitCode = exitCode == ExitCode.Done ? failure.ExitCode : exitCode;
                // What concerns the connection or the caller will not differ for the next name.
                if (failure.ExitCode is ExitCode.NotReachable or ExitCode.NotPermitted)
                    break;
            }
        }
        return exitCode;
    }

    private static void Print(Session session, ServiceDetail service)
    {
        session.PrintItem(
            service,
            (screen, s) => ServicesView.WriteSentence(screen, s.Summary, session.Clock.GetUtcNow())
        );
        session.Out.Flush();
    }
}
