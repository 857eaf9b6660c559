namespace Appliance.EndToEnd;

/// <summary>An engine that a run is given, as a machine has one before up.sh comes: started and stopped by hand.</summary>
internal sealed class GivenEngine : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("engine-").FullName;

    private GivenEngine() { }

    public string Endpoint => $"unix://{folder}/docker.sock";

    public static async Task<GivenEngine> StartAsync(CancellationToken cancellationToken)
    {
        var engine = new GivenEngine();
        (await engine.CallAsync("engine_start", cancellationToken)).Succeeded();
        return engine;
    }

    public async ValueTask DisposeAsync()
    {
        (await CallAsync("engine_stop", CancellationToken.None)).Succeeded();
        Directory.Delete(folder, recursive: true);
    }

    private Task<Command> CallAsync(string function, CancellationToken cancellationToken) =>
        Command.RunAsync(
            "bash",
            [
                "-c",
                $"source '{DevelopmentRun.Root}/scripts/lib.sh'; source '{DevelopmentRun.Root}/scripts/engine.sh'; {function} 9>&-",
            ],
            new Dictionary<string, string?> { ["APPLIANCE_RUN_DIR"] = folder },
            cancellationToken
        );
}
