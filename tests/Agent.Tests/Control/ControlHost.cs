using System.Net.Sockets;
using Appliance.Agent.Alerts;
using Appliance.Agent.Content;
using Appliance.Agent.Control;
using Appliance.Agent.Healing;
using Appliance.Agent.Health;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Alerts;
using Appliance.Agent.Tests.Healing;
using Appliance.Agent.Updates;
using Appliance.Docker;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Appliance.Agent.Tests.Control;

/// <summary>The Control room on a real socket, over a supervisor whose view a test sets.</summary>
internal sealed class ControlHost : IAsyncDisposable
{
    // Groups that every Debian has, in the places of the appliance's.
    public static readonly RoleGroups Groups = new(Viewer: "bin", Operator: "sys", Admin: "adm");

    private readonly string folder = Directory.CreateTempSubdirectory("agent-ctl-").FullName;
    private readonly List<GrpcChannel> channels = [];

    private ControlHost(string engine)
    {
        // As /run is: others may pass.
        File.SetUnixFileMode(folder, (UnixFileMode)Convert.ToInt32("755", 8));
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["storage:DataDirectory"] = Path.Combine(folder, "state"),
                ["control:Socket"] = Socket,
                ["alerts:Listen"] = "off",
            }
        );
        builder
            .Services.AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddStorage()
            .AddSingleton(new SystemdEnvironment(null, null))
            .AddSingleton<SystemdNotifier>()
            .AddSingleton(DockerEngine.Connect(engine, TimeProvider.System))
            .AddSingleton<ISupervisor>(Supervisor)
            .AddSingleton<IProbeBook>(new NoProbes())
            .AddSingleton<StoredReleases>()
            .AddSingleton(s => ActivatorUtilities.CreateInstance<DiskAlarms>(s, (Action)(() => { })))
            .AddAlerts()
            .AddSingleton<IAlertActions>(new RecordedActions())
            .AddSingleton<IRemedies>(new RecordedRemedies())
            .AddSingleton<MachineBoot>()
            .AddSingleton<Arbiter>()
            .AddControl()
            .AddSingleton(Groups);
        App = builder.Build();
        App.MapControl();
        App.MapGrpcService<UnlistedService>();
    }

    public WebApplication App { get; }
    public FixedSupervisor Supervisor { get; } = new();
    public string Socket => Path.Combine(folder, "run", "agent.sock");
    public AuditTrail Audit => App.Services.GetRequiredService<AuditTrail>();
    public EventLog Events => App.Services.GetRequiredService<EventLog>();

    public static async Task<ControlHost> StartAsync(string engine = "unix:///nowhere/docker.sock")
    {
        var host = new ControlHost(engine);
        await host.App.StartAsync();
        return host;
    }

    public GrpcChannel Channel(Identity identity)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, _) => new NetworkStream(await identity.ConnectAsync(Socket), ownsSocket: true),
        };
        var options = new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true };
        var channel = GrpcChannel.ForAddress("http://localhost", options);
        channels.Add(channel);
        return channel;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var channel in channels)
            channel.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private sealed class NoProbes : IProbeBook
    {
        public IReadOnlyList<ProbeView> Of(string service) => [];
    }
}

/// <summary>Shows the view that the test sets, and remembers what it was asked.</summary>
internal sealed class FixedSupervisor : ISupervisor
{
    private readonly Lock gate = new();
    private SupervisionView view = Views.Of(Views.Service("web"));
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public List<string> Asked { get; } = [];

    public SupervisionView View
    {
        get
        {
            lock (gate)
                return view;
        }
        set
        {
            TaskCompletionSource before;
            lock (gate)
            {
                view = value;
                before = changed;
                changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
            before.SetResult();
        }
    }

    public Task WaitForChangeAsync(SupervisionView seen, CancellationToken ct)
    {
        lock (gate)
            return ReferenceEquals(seen, view) ? changed.Task.WaitAsync(ct) : Task.CompletedTask;
    }

    public void Run(RunningRelease what) => throw new NotSupportedException();

    public IReadOnlyDictionary<string, string> HashesOf(Release release) => throw new NotSupportedException();

    public void ForgetCompletions(Release release, Release except) => throw new NotSupportedException();

    public void Refuse(string problem) => throw new NotSupportedException();

    public void Report(Traffic traffic) => throw new NotSupportedException();

    public void Report(Care care) => View = View with { Problems = care.Problems };

    public bool Stop(string service, string by, string reason) =>
        Ask(service, $"stop {service} by {by}: {reason}") && Pass(service, ServiceState.Stopping);

    public bool Start(string service, string by) =>
        Ask(service, $"start {service} by {by}") && Pass(service, ServiceState.Starting);

    public Task<RestartOutcome> RestartAsync(
        string service,
        string by,
        string reason,
        bool isPersonal,
        CancellationToken ct
    ) =>
        Task.FromResult<RestartOutcome>(
            Ask(service, $"restart {service} by {by}: {reason}")
                ? new RestartOutcome.Restarted()
                : new RestartOutcome.NoSuchService()
        );

    public Task<RestartOutcome> RecreateAsync(
        string service,
        string by,
        string reason,
        bool isPersonal,
        CancellationToken ct
    ) =>
        Task.FromResult<RestartOutcome>(
            Ask(service, $"recreate {service} by {by}: {reason}")
                ? new RestartOutcome.Restarted()
                : new RestartOutcome.NoSuchService()
        );

    // As a real one: the wish holds when the call returns, the view shows it some passes later.
    private bool Pass(string service, ServiceState state)
    {
        _ = Task.Run(() =>
        {
            View = View with { };
            View = View with
            {
                Services = [.. View.Services.Select(s => s.Name == service ? s with { State = state } : s)],
            };
        });
        return true;
    }

    private bool Ask(string service, string what)
    {
        Asked.Add(what);
        return View.Service(service) is not null;
    }
}

internal static class Views
{
    public static readonly EngineView Reachable = new(true, "unix:///e", "20.10", "1.41", true, default, null);

    public static SupervisionView Of(params ServiceView[] services) =>
        new(Reachable, new ReleaseView("demo", "1.0", "/release"), services);

    public static ServiceView Service(
        string name,
        ServiceState state = ServiceState.Running,
        int replicas = 1,
        int ready = 1,
        params ContainerView[] containers
    ) => new(name, state, "It says why.", default, "image", replicas, ready, 0, "always", [], [], containers);
}
