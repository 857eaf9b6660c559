using System.CommandLine;
using System.Text;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class CertificateCommand : CliCommand
{
    public CertificateCommand()
        : base("certificate", "The certificate that the application is served with over HTTPS.")
    {
        Add(new CertificateShowCommand());
        Add(new CertificateSetCommand());
    }
}

internal sealed class CertificateShowCommand : RunnableCommand
{
    public CertificateShowCommand()
        : base("show", "Whose it is, what it is for, and until when.") =>
        Examples = [new("certificate show", "does it expire soon?")];

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var certificate = await session.Agent.Certificate.GetCertificateAsync(
            new(),
            session.Promptly(cancellationToken)
        );
        session.Print(certificate, (screen, c) => CertificateView.Write(screen, c, session.Clock.GetUtcNow()));
        return ExitCode.Done;
    }
}

internal sealed class CertificateSetCommand : RunnableCommand
{
    private const int MaxBytes = 256 * 1024;

    private readonly Option<string> certificate = new("--certificate")
    {
        Description = "PEM: the certificate, and after it what issued it, but for the root",
        HelpName = "FILE",
        Required = true,
    };

    private readonly Option<string?> key = new("--key")
    {
        Description = "PEM: its private key, not encrypted (default: it is in the certificate's file)",
        HelpName = "FILE",
    };

    public CertificateSetCommand()
        : base(
            "set",
            "Exchanges it. No connection is closed; what is wrong with the new one is said, and changes nothing."
        )
    {
        Examples =
        [
            new("certificate set --certificate fullchain.pem --key privkey.pem", "as an ACME client writes them"),
            new("certificate set --certificate shop.pem", "all in one file"),
        ];
        Add(certificate);
        Add(key);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var pem = new StringBuilder();
        foreach (var file in (string?[])[parse.GetRequiredValue(certificate), parse.GetValue(key)])
        {
            if (file is not null)
                pem.AppendLine(Encoding.UTF8.GetString(await InputFile.ReadAsync(file, MaxBytes, cancellationToken)));
        }
        var answer = await session.Agent.Certificate.SetCertificateAsync(
            new() { Pem = pem.ToString() },
            session.Promptly(cancellationToken)
        );
        session.Print(
            answer,
            (screen, a) =>
            {
                screen.WriteLine(a.InUse ? "In use:" : "Kept; HAProxy is not there, and starts with it:");
                CertificateView.Write(screen, a.Certificate, session.Clock.GetUtcNow());
            }
        );
        return ExitCode.Done;
    }
}
