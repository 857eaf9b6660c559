using Appliance.Bench;
using Appliance.Bench.Switching;
using Appliance.Bench.Updating;

var benchmarks = new Dictionary<string, Func<TestBed, CancellationToken, Task<IEnumerable<Row>>>>
{
    ["start"] = StartUp.MeasureAsync,
    ["cli"] = CommandLine.MeasureAsync,
    ["recover"] = Recovery.MeasureAsync,
    ["idle"] = Idle.MeasureAsync,
    ["adopt"] = Adoption.MeasureAsync,
    ["bundle"] = Bundling.MeasureAsync,
    ["delta"] = Deltas.MeasureAsync,
    ["ingress"] = Ingress.MeasureAsync,
    ["switch"] = Switch.MeasureAsync,
    ["healing"] = Healing.MeasureAsync,
    ["update"] = Update.MeasureAsync,
};

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    interrupted.Cancel();
};

using var bed = TestBed.FromEnvironment(quick: args.Contains("--quick"));
string[] chosen = [.. args.Where(a => a != "--quick")];
if (chosen is [] or ["all"])
    chosen = [.. benchmarks.Keys];
if (chosen.Except(benchmarks.Keys).FirstOrDefault() is { } unknown)
{
    await Console.Error.WriteLineAsync(
        $"no benchmark is called {unknown}; there are: {string.Join(", ", benchmarks.Keys)}"
    );
    return 2;
}

Row.WriteHeader(Console.Out);
try
{
    await bed.Signer.MakeKeysAsync(interrupted.Token);
    foreach (var name in chosen)
    {
        await Console.Error.WriteLineAsync($"Measuring: {name}");
        await bed.ClearAsync(interrupted.Token);
        foreach (var row in await benchmarks[name](bed, interrupted.Token))
            row.Write(Console.Out);
    }
}
finally
{
    // Networks are interfaces of this machine: they do not go away with the engine.
    await bed.ClearAsync(CancellationToken.None);
}
return 0;
