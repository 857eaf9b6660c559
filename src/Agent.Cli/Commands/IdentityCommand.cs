using System.CommandLine;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class IdentityCommand : CliCommand
{
    public IdentityCommand()
        : base("identity", "Tokens of programs that the appliance listens to.")
    {
        Add(new IdentityTokenCommand());
        Add(new IdentityListCommand());
        Add(new IdentityRevokeCommand());
    }
}

internal sealed class IdentityTokenCommand : RunnableCommand
{
    private readonly Option<string> role = new("--role")
    {
        Description = "What the token is for: webhook, to report alerts",
        HelpName = "webhook",
        Required = true,
    };

    private readonly Option<string> name = new("--name")
    {
        Description = "Whom it is for: what events and audit records will say",
        HelpName = "NAME",
        Required = true,
    };

    public IdentityTokenCommand()
        : base("token", "Makes a token, and prints it this once: the appliance keeps only a hash of it.")
    {
        Examples =
        [
            new(
                "identity token --role webhook --name alertmanager > /etc/prometheus/appliance.token",
                "into the file that Alertmanager reads"
            ),
        ];
        Add(role);
        Add(name);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Identity.CreateTokenAsync(
            new() { Role = parse.GetRequiredValue(role), Name = parse.GetRequiredValue(name) },
            session.Promptly(cancellationToken)
        );
        // Alone on standard output, for a file to take it.
        session.Print(answer, (screen, a) => screen.WriteLine(Text.OneLine(a.Secret)));
        session.Error.WriteLine("appliancectl: it is not shown again; `appliancectl identity revoke` takes it back");
        return ExitCode.Done;
    }
}

internal sealed class IdentityListCommand : RunnableCommand
{
    public IdentityListCommand()
        : base("list", "The tokens, and when they were used last.") =>
        Examples = [new("identity list", "is one not used any more?")];

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Identity.ListTokensAsync(new(), session.Promptly(cancellationToken));
        session.Print(answer, (screen, a) => IdentityView.WriteList(screen, a.Tokens, session.Clock.GetUtcNow()));
        return ExitCode.Done;
    }
}

internal sealed class IdentityRevokeCommand : RunnableCommand
{
    private readonly Argument<string> name = new("NAME") { Description = "The token" };

    public IdentityRevokeCommand()
        : base("revoke", "Takes a token back. Whoever shows it is refused from now on.")
    {
        Examples = [new("identity revoke alertmanager", "it was lost, or is not needed any more")];
        Add(name);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var token = parse.GetRequiredValue(name);
        var answer = await session.Agent.Identity.RevokeTokenAsync(
            new() { Name = token },
            session.Promptly(cancellationToken)
        );
        session.Print(answer, (screen, _) => screen.WriteLine($"{Text.OneLine(token)} counts no more"));
        return ExitCode.Done;
    }
}
