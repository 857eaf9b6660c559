using System.CommandLine;
using System.CommandLine.Invocation;
using Appliance.Cli;
using Appliance.Cli.Commands;

var root = new RootCommand("Watch and run the appliance on this machine.")
{
    new StatusCommand(),
    new ServicesCommand(),
    new UpgradeCommand(),
    new RolloutCommand(),
    new RollbackCommand(),
    new HistoryCommand(),
    new EventsCommand(),
    new OperationsCommand(),
    new MaintenanceCommand(),
    new AlertsCommand(),
    new DrillCommand(),
    new CertificateCommand(),
    new IdentityCommand(),
    new AuditCommand(),
    new BundleCommand(),
};
GlobalOptions.AddTo(root);
Help.Replace(root);

var parse = root.Parse(args);
return parse.Action is ParseErrorAction
    ? await Guard.RunAsync(parse, session => Task.FromResult(Usage.Report(parse, session.Error)))
    // Signals: streams that follow take Ctrl-C themselves; for the rest the kernel's default already gives 130.
    : await parse.InvokeAsync(new() { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
