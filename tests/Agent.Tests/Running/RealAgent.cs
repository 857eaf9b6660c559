using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Appliance.Agent.Tests.Running;

/// <summary>
/// The agent as a process of its own on a real engine, with a product nobody else has, and a release that counts as
/// installed before. Disposing ends it, removes what it made, and fails the test if the agent logged an error that nobody
/// expected.
/// </summary>
internal sealed class RealAgent : IAsyncDisposable
{
    private static readonly BusyboxImage Busybox = BusyboxImage.Build(
        new ImageRecipe { Reference = "appliance-test/busybox:1", Cmd = ["sleep", "1000000"] }
    );

    private readonly ScratchFolder folder = new();
    private readonly string endpoint;
    private readonly TestSigner signer;
    private readonly StringBuilder output = new();
    private Process? process;
    private GrpcChannel? channel;

    private int releases;
    private bool isWritten;

    private RealAgent(PrivateEngine engine)
    {
        (Engine, endpoint, signer) = (engine.Client, engine.Endpoint, new TestSigner(Project));
        Directory.CreateDirectory(Release);
    }

    /// <summary>The name of the product under test, and so of its containers.</summary>
    public string Project { get; } = $"t{Guid.NewGuid():N}"[..9];

    public DockerEngine Engine { get; }

    /// <summary>The agent's: as published, with its failpoints, where <c>test.sh</c> has done that.</summary>
    public static string Program { get; } =
        Path.Combine(
            System.Environment.GetEnvironmentVariable("APPLIANCE_TEST_PROGRAMS") ?? AppContext.BaseDirectory,
            "appliance-agent"
        );

    /// <summary>The image every service of a test may use; it sleeps unless told otherwise.</summary>
    public const string Image = "appliance-test/busybox:1";

    public static string ImageId => Busybox.Id;

    public string Socket => folder["agent.sock"];

    /// <summary>Where the files of the next release are.</summary>
    public string Release => folder["release"];

    public string Data => folder["data"];

    /// <summary>The settings; read when the agent starts.</summary>
    public string Settings => folder["agent.yaml"];

    /// <summary>Variables of the process, as <c>APPLIANCE__SECTION__KEY</c>; null: not set.</summary>
    public Dictionary<string, string?> Environment { get; } =
        new()
        {
            // How full the machine is that tests run on is no matter of theirs, nor is room to be taken on it.
            ["APPLIANCE__DISK__LOW_FREE"] = "1",
            ["APPLIANCE__DISK__HIGH_FREE"] = "1",
            ["APPLIANCE__DISK__RESERVE"] = "0",
        };

    /// <summary>A program, with arguments, that becomes the agent.</summary>
    public IReadOnlyList<string> Launcher { get; set; } = [];

    /// <summary>Where the agents are that came with releases, if a guardian is the <see cref="Launcher"/>.</summary>
    public string Versions => folder["data/agents"];

    /// <summary>Whether the process is there no more.</summary>
    public bool HasEnded => process is null or { HasExited: true };

    /// <summary>Whether the process is there no more, and came to its end by itself, as one that another takes over from.</summary>
    public bool HasEndedWell => process is { HasExited: true, ExitCode: 0 };

    public TestSigner Signer => signer;

    /// <summary>More of what releases say under <c>x-appliance</c>, after a comma.</summary>
    public string Appliance { get; set; } = "";

    /// <summary>What the next releases are made of beside busybox.</summary>
    public IReadOnlyList<BusyboxImage> Images { get; set; } = [];

    public bool ExpectsErrors { get; set; }

    /// <summary>The process that runs now.</summary>
    public int Pid => process?.Id ?? throw new InvalidOperationException("the agent does not run");

    public StatusService.StatusServiceClient Status => new(Channel);
    public ServicesService.ServicesServiceClient Services => new(Channel);
    public EventsService.EventsServiceClient Events => new(Channel);
    public AuditService.AuditServiceClient Audit => new(Channel);
    public MaintenanceService.MaintenanceServiceClient Maintenance => new(Channel);
    public UpdatesService.UpdatesServiceClient Updates => new(Channel);
    public OperationsService.OperationsServiceClient Operations => new(Channel);
    public AlertsService.AlertsServiceClient Alerts => new(Channel);
    public DrillsService.DrillsServiceClient Drills => new(Channel);
    public IdentityService.IdentityServiceClient Identity => new(Channel);
    public Grpc.Health.V1.Health.HealthClient Health => new(Channel);

    public string Log
    {
        get
        {
            lock (output)
                return output.ToString();
        }
    }

    private GrpcChannel Channel => channel ?? throw new InvalidOperationException("the agent does not run");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>An agent that trusts the test's signer, and is to be started yet.</summary>
    public static RealAgent On(PrivateEngine engine) => new(engine);

    /// <summary>Starts an agent on a release; the Compose text needs no name, and services no image.</summary>
    public static async Task<RealAgent> StartAsync(
        PrivateEngine engine,
        string compose,
        params (string Name, string Content)[] files
    )
    {
        var agent = new RealAgent(engine);
        foreach (var (name, content) in files)
            await File.WriteAllTextAsync(Path.Combine(agent.Release, name), content, Ct);
        agent.WriteCompose(compose);
        await agent.StartAsync();
        return agent;
    }

    /// <summary>An agent that has nothing installed, and trusts the test's signer.</summary>
    public static async Task<RealAgent> StartEmptyAsync(PrivateEngine engine)
    {
        var agent = new RealAgent(engine);
        await agent.StartAsync();
        return agent;
    }

    /// <summary>What the agent has installed from its next start on.</summary>
    public void WriteCompose(string compose)
    {
        Write($"1.0.{releases}", compose);
        isWritten = true;
    }

    /// <summary>As <see cref="WriteCompose"/>, at once: what is signed from now on is newer.</summary>
    public Task InstallAsync(string compose)
    {
        WriteCompose(compose);
        return InstallWrittenAsync();
    }

    /// <summary>A signed release of this agent's product.</summary>
    public Task<string> BundleAsync(string version, string compose, params BusyboxImage[] images)
    {
        Write(version, compose);
        return signer.BundleAsync(version, Release, [Busybox, .. Images, .. images], upgradeFrom: null, Ct);
    }

    /// <summary>A signed release of this agent's product, whole, and with deltas from an earlier version.</summary>
    public async Task<(string Whole, string Small)> BundlesAsync(
        string version,
        string compose,
        string deltasFrom,
        params BusyboxImage[] images
    )
    {
        Write(version, compose);
        var (whole, small) = await signer.BundlesAsync(
            version,
            Release,
            [Busybox, .. Images, .. images],
            upgradeFrom: null,
            [deltasFrom],
            Ct
        );
        return (whole, small ?? throw new InvalidOperationException("no delta was worth it"));
    }

    /// <summary>A release of this agent's product, signed by anybody, and for the versions that it may follow.</summary>
    public Task<string> BundleAsync(TestSigner by, string version, string compose, string? upgradeFrom = null)
    {
        Write(version, compose);
        return by.BundleAsync(version, Release, [Busybox, .. Images], upgradeFrom, Ct);
    }

    public async Task StartAsync()
    {
        if (!await TryStartAsync())
            throw new InvalidOperationException($"the agent ended with {process!.ExitCode}:\n{Log}");
    }

    /// <summary>As <see cref="StartAsync()"/>, of an agent that may die on the way.</summary>
    /// <returns>False: it died before it answered.</returns>
    public async Task<bool> TryStartAsync()
    {
        await InstallWrittenAsync();
        string[] command =
        [
            .. Launcher,
            Program,
            .. (string[])["--data", Data, "--socket", Socket, "--docker", endpoint, "--config", Settings],
        ];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["APPLIANCE__TRUST__ROOT"] = signer.RootFile },
        };
        foreach (var (name, value) in Environment)
            start.Environment[name] = value;
        // A test must not wait a minute to see what a minute's pace does.
        if (!File.Exists(Settings))
            await File.WriteAllTextAsync(
                Settings,
                "supervision:\n  backoff-first: 200ms\n  backoff-ceiling: 2s\n  stable-after: 5s\n",
                Ct
            );
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, e) => Keep(e.Data);
        process.ErrorDataReceived += (_, e) => Keep(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        channel = Dial();
        await Eventually.TrueAsync(
            "the agent answers",
            async ct => process.HasExited || await AnswersAsync(ct),
            Ct,
            TimeSpan.FromSeconds(40)
        );
        return !process.HasExited;
    }

    /// <summary>Waits until it ends by itself.</summary>
    public async Task EndedAsync()
    {
        await process!.WaitForExitAsync(Ct).WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, Ct);
        channel!.Dispose();
    }

    /// <summary>SIGKILL: what a crash or the OOM killer does.</summary>
    public async Task KillAsync()
    {
        Posix.Kill(process!.Id, Posix.SigKill);
        await process.WaitForExitAsync(Ct);
        channel!.Dispose();
    }

    /// <summary>SIGTERM, as systemd sends it.</summary>
    public async Task<int> StopAsync()
    {
        Posix.Kill(process!.Id, Posix.SigTerm);
        await process.WaitForExitAsync(Ct);
        channel!.Dispose();
        return process.ExitCode;
    }

    public async Task<ServiceDetail> ServiceAsync(string name) =>
        await Services.GetServiceAsync(new GetServiceRequest { Name = name }, cancellationToken: Ct);

    public async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            await Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: ct);
            return true;
        }
        catch (RpcException)
        {
            return false;
        }
    }

    /// <summary>Waits until a service is in a state.</summary>
    public Task<ServiceDetail> BecomesAsync(string service, ServiceState state) =>
        BecomesAsync(service, state.ToString(), d => d.Summary.State == state);

    public Task<ServiceDetail> BecomesAsync(string service, string what, Func<ServiceDetail, bool> condition) =>
        Eventually.GetAsync(
            $"{service} becomes {what}",
            async _ => await ServiceAsync(service) is var detail && condition(detail) ? detail : null,
            Ct,
            TimeSpan.FromSeconds(40)
        )!;

    /// <summary>The container of a service as the engine sees it now.</summary>
    public Task<ContainerInspection> ContainerAsync(string service, int replica = 1) =>
        Engine.Containers.InspectAsync($"{Project}-{service}-{replica}", Ct);

    /// <summary>Everything of this product that the engine holds.</summary>
    public Task<IReadOnlyList<ContainerSummary>> ContainersAsync() =>
        Engine.Containers.ListAsync(new ContainerQuery { All = true, Labels = [$"appliance.project={Project}"] }, Ct);

    /// <summary>Waits for an event of a kind that happened after <paramref name="after"/>.</summary>
    public async Task<Event> EventAsync(string kind, long after = 0, string? service = null)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        deadline.CancelAfter(TimeSpan.FromSeconds(40));
        var seen = new List<string>();
        try
        {
            using var call = Events.StreamEvents(
                new StreamEventsRequest { Follow = true, AfterId = after },
                cancellationToken: deadline.Token
            );
            while (await call.ResponseStream.MoveNext(deadline.Token))
            {
                var e = call.ResponseStream.Current;
                seen.Add($"{e.Kind} {e.Service}: {e.Found} -> {e.Done}");
                if (e.Kind == kind && (service is null || e.Service == service))
                    return e;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or RpcException && !Ct.IsCancellationRequested) { }
        throw new TimeoutException($"no {kind} event; there were:\n{string.Join('\n', seen)}\nlog:\n{Log}");
    }

    public async Task<long> LastEventAsync()
    {
        using var call = Events.StreamEvents(new StreamEventsRequest { Tail = 1 }, cancellationToken: Ct);
        return await call.ResponseStream.MoveNext(Ct) ? call.ResponseStream.Current.Id : 0;
    }

    public async ValueTask DisposeAsync()
    {
        if (process is { HasExited: false })
        {
            await TellEventsAsync();
            Posix.Kill(process.Id, Posix.SigKill);
            await process.WaitForExitAsync(CancellationToken.None);
        }

        channel?.Dispose();
        process?.Dispose();
        TestContext.Current.TestOutputHelper?.WriteLine(Log);
        await RemoveAllAsync();
        folder.Dispose();
        signer.Dispose();
        if (!ExpectsErrors)
            Assert.DoesNotContain(
                Log.Split('\n'),
                l => l.Contains(" fail: ", StringComparison.Ordinal) || l.Contains(" crit: ", StringComparison.Ordinal)
            );
    }

    /// <summary>Shown, as the log is, when the test fails.</summary>
    private async Task TellEventsAsync()
    {
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            using var call = Events.StreamEvents(
                new StreamEventsRequest { Tail = 200 },
                cancellationToken: deadline.Token
            );
            await foreach (var e in call.ResponseStream.ReadAllAsync(deadline.Token))
                TestContext.Current.TestOutputHelper?.WriteLine(
                    $"{e.Time.ToDateTime():HH:mm:ss.fff} {e.Kind} {e.Service}: {e.Found} -> {e.Done}"
                );
        }
        // One that is killed in the middle of something says no more.
        catch (Exception e) when (e is RpcException or OperationCanceledException or ObjectDisposedException) { }
    }

    private async Task RemoveAllAsync()
    {
        try
        {
            var containers = await Engine.Containers.ListAsync(new ContainerQuery { All = true }, default);
            foreach (
                var c in containers.Where(c =>
                    c.Names.Any(n => n.TrimStart('/').StartsWith(Project, StringComparison.Ordinal))
                )
            )
                await Engine.Containers.RemoveAsync(c.Id, force: true, removeAnonymousVolumes: true, default);
            foreach (
                var n in await Engine.Networks.ListAsync(
                    new NetworkQuery { Labels = [$"appliance.project={Project}"] },
                    default
                )
            )
                await Engine.Networks.RemoveAsync(n.Id, default);
            foreach (
                var v in await Engine.Volumes.ListAsync(
                    new VolumeQuery { Labels = [$"appliance.project={Project}"] },
                    default
                )
            )
                await Engine.Volumes.RemoveAsync(v.Name, force: true, default);
        }
        // A test that killed its engine leaves nothing to remove: the engine's own folder goes with it.
        catch (EngineUnavailableException) { }
    }

    private void Write(string version, string compose) =>
        File.WriteAllText(
            Path.Combine(Release, "compose.yaml"),
            $"name: {Project}\nx-appliance: {{version: \"{version}\"{Appliance}}}\n{compose}\n"
        );

    private async Task InstallWrittenAsync()
    {
        if (isWritten)
            await Installed.PutAsync(Data, signer.RootFile, await BundleOfWrittenAsync(), Ct);
        isWritten = false;
    }

    private Task<string> BundleOfWrittenAsync() =>
        signer.BundleAsync($"1.0.{releases++}", Release, [Busybox, .. Images], upgradeFrom: null, Ct);

    private void Keep(string? line)
    {
        lock (output)
            output.AppendLine(line);
    }

    private GrpcChannel Dial() =>
        GrpcChannel.ForAddress(
            "http://localhost",
            new GrpcChannelOptions
            {
                HttpHandler = new SocketsHttpHandler
                {
                    ConnectCallback = async (_, ct) =>
                    {
                        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket), ct);
                        return new NetworkStream(socket, ownsSocket: true);
                    },
                },
            }
        );
}
