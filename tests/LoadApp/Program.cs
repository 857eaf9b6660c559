using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using Appliance.LoadApp;
using Microsoft.AspNetCore.Server.Kestrel.Core;

var faults = Faults.FromEnvironment(Environment.GetEnvironmentVariable);
var address = IPAddress.Parse(Variable("LISTEN_ADDRESS", "0.0.0.0"));
var port = int.Parse(Variable("PORT", "8080"), CultureInfo.InvariantCulture);
var grpcPort = int.Parse(Variable("GRPC_PORT", "8081"), CultureInfo.InvariantCulture);

using var told = new CancellationTokenSource();
using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
try
{
    // A slow starter does not listen yet: whoever connects is refused.
    if (faults.StartDelay > TimeSpan.Zero)
        await Task.Delay(faults.StartDelay, TimeProvider.System, told.Token);

    await using var app = LoadApplication.Build(
        faults,
        TimeProvider.System,
        options =>
        {
            options.Listen(address, port);
            options.Listen(address, grpcPort, listen => listen.Protocols = HttpProtocols.Http2);
        }
    );
    await app.StartAsync(told.Token);
    await Task.Delay(faults.CrashAfter ?? Timeout.InfiniteTimeSpan, TimeProvider.System, told.Token)
        .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    if (!told.IsCancellationRequested)
    {
        await Console.Error.WriteLineAsync("CRASH_AFTER has passed");
        return 1;
    }
    await app.StopAsync(CancellationToken.None);
}
catch (OperationCanceledException) when (told.IsCancellationRequested)
{
    // Told to end before it had begun.
}
return 0;

void End(PosixSignalContext signal)
{
    signal.Cancel = true;
    told.Cancel();
}

static string Variable(string name, string normal) => Environment.GetEnvironmentVariable(name) ?? normal;
