using Appliance.Docker;

namespace Appliance.Bench;

/// <summary>What the benchmarks are run on: the programs, the floors, an engine of their own, and a folder.</summary>
internal sealed class TestBed(string programs, string floors, string engine, string images, string scratch, bool quick)
    : IDisposable
{
    /// <summary>The image that every container here runs: a busybox with a web server.</summary>
    public const string Image = "demo/web:1.0.0";

    private const string Project = "appliance.project";
    private const string Mine = $"{Project}={Signer.Product}";

    // Not the agent's product: it takes away what is called its own and is in no release.
    private const string FloorProduct = "bench-floor";

    public DockerEngine Engine { get; } = DockerEngine.Connect(engine, TimeProvider.System);

    public string EngineEndpoint => engine;

    public Signer Signer { get; private init; } =
        new(Path.Combine(programs, "appliancectl"), Path.Combine(scratch, "signer"));

    /// <summary>Fewer rounds and shorter waits: to see that the benchmarks work, not to quote.</summary>
    public bool Quick => quick;

    public static TestBed FromEnvironment(bool quick) =>
        new(
            Variable("BENCH_PROGRAMS"),
            Variable("BENCH_FLOORS"),
            Variable("BENCH_ENGINE"),
            Variable("BENCH_IMAGES"),
            Variable("BENCH_SCRATCH"),
            quick
        );

    /// <summary>The same, but for the engine: what was signed is signed for both.</summary>
    public TestBed On(string otherEngine) =>
        new(programs, floors, otherEngine, images, scratch, quick) { Signer = Signer };

    private const string NetworkName = $"{FloorProduct}_default";

    public string Program(string name) => Path.Combine(programs, name);

    public string Floor(string name) => Path.Combine(floors, name);

    public string Folder(string name) => Directory.CreateDirectory(Path.Combine(scratch, name)).FullName;

    /// <summary>Makes a bundle with a release of so many equal services, and returns its path.</summary>
    public Task<string> BundleAsync(string name, int services, string definition, CancellationToken ct) =>
        BundleAsync(
            name,
            string.Join('\n', Enumerable.Range(1, services).Select(i => $"  s{i:000}: {definition}")),
            ct
        );

    /// <summary>Makes a bundle of the entries of its services, and returns its path.</summary>
    public Task<string> BundleAsync(string name, string services, CancellationToken ct) =>
        BundleAsync(name, services, Path.Combine(images, "web.tar"), ct);

    /// <summary>Makes a bundle of the entries of its services and an archive of their images, and returns its path.</summary>
    public async Task<string> BundleAsync(string name, string services, string archive, CancellationToken ct)
    {
        var folder = Folder($"{name}-release");
        var bundle = Path.Combine(folder, "release.bundle");
        await Signer.Create(Signer.WriteCompose(folder, services), archive, bundle).RunAsync(ct);
        return bundle;
    }

    /// <summary>A service that does nothing: what is left to measure is the supervision.</summary>
    public static string Sleeper => $"{{image: '{Image}', command: [sleep, infinity], init: true}}";

    /// <summary>The network of containers outside of the agent's care: a bridge, like the one that a release gets.</summary>
    public Task CreateNetworkAsync(CancellationToken ct) =>
        Engine.Networks.CreateAsync(new NetworkSpec { Name = NetworkName, Labels = OfFloors }, ct);

    /// <summary>A container outside of the agent's care that is like <see cref="Sleeper"/>, started.</summary>
    public Task RunSleeperAsync(string name, string restartPolicy, CancellationToken ct) =>
        RunAsync(name, ["sleep", "infinity"], new HostConfig { Init = true }, restartPolicy, ct);

    /// <summary>A container outside of the agent's care whose web server is reached at a port of this machine, started.</summary>
    public Task RunServerAsync(string name, string restartPolicy, int port, int published, CancellationToken ct) =>
        RunServerAsync(name, new HostConfig(), restartPolicy, port, published, ct);

    /// <summary>The same, with an init, without which its process hears no signal to end.</summary>
    public Task RunEndingServerAsync(string name, int port, int published, CancellationToken ct) =>
        RunServerAsync(name, new HostConfig { Init = true }, "no", port, published, ct);

    private Task RunServerAsync(
        string name,
        HostConfig host,
        string restartPolicy,
        int port,
        int published,
        CancellationToken ct
    ) =>
        RunAsync(
            name,
            command: null,
            host with
            {
                PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?>
                {
                    [$"{port}/tcp"] = [new PortBinding { HostIp = "127.0.0.1", HostPort = $"{published}" }],
                },
            },
            restartPolicy,
            ct
        );

    private async Task RunAsync(
        string name,
        IReadOnlyList<string>? command,
        HostConfig host,
        string restartPolicy,
        CancellationToken ct
    )
    {
        var spec = new ContainerSpec
        {
            Image = Image,
            Cmd = command,
            Labels = OfFloors,
            HostConfig = host with
            {
                NetworkMode = NetworkName,
                RestartPolicy = new RestartPolicy { Name = restartPolicy },
            },
        };
        var created = await Engine.Containers.CreateAsync(name, spec, ct);
        await Engine.Containers.StartAsync(created.Id, ct);
    }

    public Task<IReadOnlyList<ContainerSummary>> ContainersAsync(CancellationToken ct) =>
        Engine.Containers.ListAsync(new ContainerQuery { All = true, Labels = [Mine] }, ct);

    public Task<IReadOnlyList<Volume>> VolumesAsync(CancellationToken ct) =>
        Engine.Volumes.ListAsync(new VolumeQuery { Labels = [Mine] }, ct);

    /// <summary>Loads the image, and removes every container, network and volume of an earlier benchmark.</summary>
    public async Task ClearAsync(CancellationToken ct)
    {
        await using (var archive = File.OpenRead(Path.Combine(images, "web.tar")))
            await Engine.Images.LoadAsync(archive, progress: null, ct);
        foreach (var label in (string[])[Mine, $"{Project}={FloorProduct}"])
        {
            await Parallel.ForEachAsync(
                await Engine.Containers.ListAsync(new ContainerQuery { All = true, Labels = [label] }, ct),
                ct,
                async (container, token) =>
                    await Engine.Containers.RemoveAsync(container.Id, force: true, removeAnonymousVolumes: true, token)
            );
            foreach (var network in await Engine.Networks.ListAsync(new NetworkQuery { Labels = [label] }, ct))
                await Engine.Networks.RemoveAsync(network.Id, ct);
        }
        foreach (var volume in await VolumesAsync(ct))
            await Engine.Volumes.RemoveAsync(volume.Name, force: true, ct);
    }

    public void Dispose() => Engine.Dispose();

    private static Dictionary<string, string> OfFloors => new() { [Project] = FloorProduct };

    /// <summary>What bench.sh says.</summary>
    public static string Variable(string name) =>
        Environment.GetEnvironmentVariable(name)
        ?? throw new InvalidOperationException($"{name} is not set; this program is run by bench.sh");
}
