using Appliance.Tuf;
using Tuf.ConformanceClient;

// The suite compares exit codes with 1; whatever goes wrong must not end in another.
try
{
    await new Client(Arguments.Parse(args)).RunAsync(CancellationToken.None);
    return 0;
}
catch (Exception e)
{
    Console.Error.WriteLine(e is TufException ? e.Message : e.ToString());
    return 1;
}
