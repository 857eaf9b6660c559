namespace Appliance.Bench.Switching;

/// <summary>
/// <c>appliancectl upgrade</c> of two containers behind ingress, from a bundle: each new one joins before an old one leaves.
/// </summary>
internal sealed class ApplianceUpgrade(TestBed bed) : IChange
{
    private readonly string run = Directory.CreateTempSubdirectory("bs-").FullName;
    private readonly int http = Haproxy.FreePort();
    private readonly string name = $"switch-{Guid.NewGuid():N}"[..13];
    private AgentProcess? agent;
    private Haproxy? haproxy;

    public string Name => "appliancectl upgrade";

    public bool IsOurs => true;

    public async Task<Uri> InstallAsync(string version, CancellationToken ct)
    {
        var bundle = await BundleAsync(version, ct);
        agent = AgentProcess.Start(bed, name, bundle, Haproxy.Settings(http, Haproxy.FreePort(), run));
        haproxy = new Haproxy(Path.Combine(agent.Data, "ingress"), run, bed.Folder(name));
        await agent.UntilInstalledAsync(ct);
        return new($"http://127.0.0.1:{http}");
    }

    public async Task ChangeAsync(string version, CancellationToken ct)
    {
        var bundle = await BundleAsync(version, ct);
        await new Command(
            bed.Program("appliancectl"),
            "upgrade",
            "--bundle",
            bundle,
            "--yes",
            "--socket",
            agent!.Socket
        ).RunAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        // The agent first: it would bring back what goes.
        if (agent is not null)
            await agent.DisposeAsync();
        if (haproxy is not null)
            await haproxy.DisposeAsync();
        await bed.ClearAsync(CancellationToken.None);
        Directory.Delete(run, recursive: true);
    }

    private Task<string> BundleAsync(string version, CancellationToken ct) =>
        bed.BundleAsync(
            $"{name}-{version}",
            $$$"""
              web:
                image: 'load/web:{{{version}}}'
                stop_grace_period: 40s
                deploy: {replicas: 2, update_config: {order: start-first, parallelism: 1}}
                x-appliance:
                  ingress: [8080]
                  probes: [{http: {port: 8080, path: /healthz}, interval: 1s}]
            """,
            Path.Combine(TestBed.Variable("BENCH_LOAD_APP"), version, "images/web.tar"),
            ct
        );
}
