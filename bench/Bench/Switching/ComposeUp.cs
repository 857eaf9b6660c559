namespace Appliance.Bench.Switching;

/// <summary>
/// <c>docker compose up -d</c> with the next version in its file: the service's container is stopped, and then the next one
/// is started. It is published on a port, and so can be there but once.
/// </summary>
internal sealed class ComposeUp(TestBed bed) : IChange
{
    private readonly string file = Path.Combine(bed.Folder("compose"), "compose.yaml");
    private readonly int port = Haproxy.FreePort();

    public string Name => "compose up -d";

    public bool IsOurs => false;

    public async Task<Uri> InstallAsync(string version, CancellationToken ct)
    {
        await ChangeAsync(version, ct);
        return new($"http://127.0.0.1:{port}");
    }

    public async Task ChangeAsync(string version, CancellationToken ct)
    {
        await File.WriteAllTextAsync(
            file,
            $$"""
            name: bench-switch
            services:
              web:
                image: load/web:{{version}}
                ports: ["127.0.0.1:{{port}}:8080"]
            """,
            ct
        );
        await Compose("up", "--detach", "--pull", "never").RunAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(file))
            await Compose("down", "--timeout", "0").RunAsync(CancellationToken.None);
    }

    private Command Compose(params string[] words) =>
        new(TestBed.Variable("BENCH_COMPOSE"), ["--file", file, .. words])
        {
            Variable = ("DOCKER_HOST", bed.EngineEndpoint),
        };
}
