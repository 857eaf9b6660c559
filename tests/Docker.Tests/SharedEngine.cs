using Appliance.Docker.Tests;
using Appliance.Testing;

[assembly: AssemblyFixture(typeof(SharedEngine))]

namespace Appliance.Docker.Tests;

/// <summary>One engine for all tests that leave it running, with one image loaded.</summary>
public sealed class SharedEngine : IAsyncLifetime
{
    private PrivateEngine? engine;

    public static BusyboxImage Image { get; } =
        BusyboxImage.Build(
            new()
            {
                Reference = "test/box:1",
                Cmd = ["sleep", "1000"],
                Labels = new Dictionary<string, string> { ["from"] = "image" },
            }
        );

    public PrivateEngine Engine => engine ?? throw new InvalidOperationException("not started");

    public DockerEngine Client => Engine.Client;

    public async ValueTask InitializeAsync()
    {
        engine = await PrivateEngine.StartAsync(CancellationToken.None);
        await Image.LoadIntoAsync(Client, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (engine is not null)
            await engine.DisposeAsync();
    }
}

/// <summary>A test on the shared engine: a name of its own, and what bears it removed afterwards.</summary>
public abstract class EngineTest(SharedEngine shared) : IAsyncDisposable
{
    protected const string Marker = "test.run";

    protected DockerEngine Client => shared.Client;

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Unique to the test: names and labels are made of it.</summary>
    protected string Run { get; } = $"t{Guid.NewGuid():n}"[..12];

    protected string Label => $"{Marker}={Run}";

    protected Dictionary<string, string> Labels => new() { [Marker] = Run };

    protected ContainerSpec Box(params string[] command) =>
        new()
        {
            Image = SharedEngine.Image.Reference,
            Cmd = command.Length == 0 ? null : command,
            Labels = Labels,
            HostConfig = new() { NetworkMode = "none", Init = true },
        };

    protected async Task<string> CreateAsync(ContainerSpec spec, string? suffix = null) =>
        (await Client.Containers.CreateAsync(Run + suffix, spec, Ct)).Id;

    protected async Task<string> StartAsync(ContainerSpec spec, string? suffix = null)
    {
        var id = await CreateAsync(spec, suffix);
        await Client.Containers.StartAsync(id, Ct);
        return id;
    }

    protected async Task<string> RunToEndAsync(params string[] command)
    {
        var id = await StartAsync(Box(command));
        await Client.Containers.WaitAsync(id, WaitCondition.NotRunning, Ct);
        return id;
    }

    public async ValueTask DisposeAsync()
    {
        var ct = CancellationToken.None;
        foreach (var container in await Client.Containers.ListAsync(new() { All = true, Labels = [Label] }, ct))
            await Client.Containers.RemoveAsync(container.Id, force: true, removeAnonymousVolumes: true, ct);
        foreach (var network in await Client.Networks.ListAsync(new() { Labels = [Label] }, ct))
            await Client.Networks.RemoveAsync(network.Id, ct);
        foreach (var volume in await Client.Volumes.ListAsync(new() { Labels = [Label] }, ct))
            await Client.Volumes.RemoveAsync(volume.Name, force: true, ct);
        GC.SuppressFinalize(this);
    }
}
