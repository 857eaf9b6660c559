using System.Diagnostics;
using System.Net.Security;
using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>
/// A real HAProxy, started as the appliance starts it, and the Ingress room beside it, each of which may be ended and started
/// again. Everything is its own: ports, sockets, folder.
/// </summary>
/// <remarks><c>APPLIANCE_TEST_HAPROXY</c> names another program: the room is to work with more than one version.</remarks>
internal sealed class RealIngress : IAsyncDisposable
{
    public static readonly string Program =
        Environment.GetEnvironmentVariable("APPLIANCE_TEST_HAPROXY") ?? "/usr/sbin/haproxy";

    private readonly ScratchFolder folder = new();
    private readonly Dictionary<string, string?> settings = [];
    private readonly List<string> output = [];
    private Process? haproxy;
    private ServiceProvider? agent;
    private IngressLoop? loop;

    private RealIngress()
    {
        (Http, Https) = (Upstream.FreePort(), Upstream.FreePort());
        Set("HttpPort", $"{Http}");
        Set("HttpsPort", $"{Https}");
        Set("BindAddress", "127.0.0.1");
        Set("RedirectHttp", "false");
        Set("RunDirectory", Run);
        Set("Haproxy", Program);
        settings["storage:DataDirectory"] = folder["data"];
    }

    public int Http { get; }

    public int Https { get; }

    public PublishingSupervisor Supervisor { get; } = new();

    public string Run => folder["run"];

    public string Data => folder["data/ingress"];

    public string Configuration => Path.Combine(Data, "haproxy.cfg");

    public IngressLoop Loop => loop ?? throw new InvalidOperationException("the agent does not run");

    public RuntimeApi Api => agent!.GetRequiredService<RuntimeApi>();

    public IngressCounters Counters => agent!.GetRequiredService<IngressCounters>();

    public IngressCertificates Certificates => agent!.GetRequiredService<IngressCertificates>();

    public Agent.Storage.EventLog Events => agent!.GetRequiredService<Agent.Storage.EventLog>();

    public IEnumerable<string> EventKinds => Events.Tail(200, null).Select(e => e.Kind);

    public string HaproxyLog
    {
        get
        {
            lock (output)
                return string.Join('\n', output);
        }
    }

    /// <summary>HAProxy and agent, with the services published and served.</summary>
    public static async Task<RealIngress> StartAsync(
        Action<RealIngress>? prepare = null,
        params IReadOnlyList<PublishedService> services
    )
    {
        var ingress = new RealIngress();
        try
        {
            prepare?.Invoke(ingress);
            ingress.StartHaproxy();
            await ingress.StartAgentAsync();
            if (services.Count > 0)
                await ingress.PublishAsync(services);
            return ingress;
        }
        catch
        {
            await ingress.DisposeAsync();
            throw;
        }
    }

    /// <summary>A setting, by the name of its property; it counts from the next start of the agent.</summary>
    public void Set(string property, string value) => settings[$"ingress:{property}"] = value;

    public static PublishedService Service(
        string name,
        IReadOnlyList<IngressRoute> routes,
        params IReadOnlyList<PublishedServer> servers
    ) => new(name, routes, null, TimeSpan.FromSeconds(10), servers);

    public static IngressRoute Route(
        int port,
        IngressProtocol protocol = IngressProtocol.Http,
        string? host = null,
        string path = "/",
        int? listen = null
    ) => new(protocol, port, host, path, listen);

    /// <summary>Returns once all that are ready are sent requests.</summary>
    public async Task PublishAsync(params IReadOnlyList<PublishedService> services)
    {
        Supervisor.Publish(services);
        var ready = services.SelectMany(s => s.Servers).Where(s => s is { IsReady: true, Leaving: null }).ToList();
        await Eventually.TrueAsync(
            "all that are ready have joined",
            () =>
                Supervisor.Traffic.IsServing
                && ready.TrueForAll(s => Supervisor.Traffic.Joined.Contains(s.ContainerId)),
            TestContext.Current.CancellationToken,
            TimeSpan.FromSeconds(60)
        );
    }

    public void StartHaproxy()
    {
        Directory.CreateDirectory(
            folder["data"],
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        haproxy = Start(Data, Run, withRoute: false);
        haproxy.OutputDataReceived += Keep;
        haproxy.ErrorDataReceived += Keep;
        haproxy.BeginOutputReadLine();
        haproxy.BeginErrorReadLine();
    }

    /// <summary>HAProxy as the appliance starts it.</summary>
    /// <param name="data">The folder of its configuration.</param>
    /// <param name="run">The folder of its sockets.</param>
    /// <param name="withRoute">Whether the addresses of internal listeners are made this machine's: it stays so.</param>
    public static Process Start(string data, string run, bool withRoute) =>
        Process.Start(
            new ProcessStartInfo(Launcher(), ["run"])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
                Environment =
                {
                    ["INGRESS_DATA"] = data,
                    ["INGRESS_RUN"] = run,
                    ["INGRESS_NO_ROUTE"] = withRoute ? "" : "1",
                    ["HAPROXY"] = Program,
                },
            }
        )!;

    /// <summary>As the kernel does when memory runs out.</summary>
    public async Task KillHaproxyAsync()
    {
        Posix.Kill(await WorkerAsync(), Posix.SigKill);
        await EndHaproxyAsync();
    }

    /// <summary>As a machine does that is too busy for one of HAProxy's processes, until this is disposed.</summary>
    public static IDisposable Halt(int pid) => new Halted(pid);

    /// <summary>The pid of the process that does not serve, and is asked for those that do.</summary>
    public int Master => haproxy!.Id;

    public async Task StartAgentAsync()
    {
        var services = new ServiceCollection();
        services
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddLogging(l => l.AddProvider(new ToTest()).SetMinimumLevel(LogLevel.Debug))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<ISupervisor>(Supervisor)
            .AddStorage()
            .AddIngress();
        agent = services.BuildServiceProvider();
        loop = agent.GetRequiredService<IngressLoop>();
        await loop.StartingAsync(TestContext.Current.CancellationToken);
        await loop.StartAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Nothing of it says goodbye to HAProxy, so that it is as good as killed.</summary>
    public async Task EndAgentAsync()
    {
        if (loop is not null)
            await loop.StopAsync(CancellationToken.None);
        // A part that failed is a test that failed.
        if (loop?.ExecuteTask is { } run)
            await run;
        if (agent is not null)
            await agent.DisposeAsync();
        (loop, agent) = (null, null);
    }

    /// <summary>The pid of who accepts connections. While the master reloads it does not answer.</summary>
    public async Task<int> WorkerAsync()
    {
        Workers? workers = null;
        await Eventually.TrueAsync(
            "HAProxy's master answers",
            async token =>
            {
                try
                {
                    workers = await Api.WorkersAsync(token);
                    return workers.Current is not null;
                }
                catch (HaproxyException e) when (e.IsGone)
                {
                    return false;
                }
            },
            TestContext.Current.CancellationToken
        );
        return workers!.Current!.Value;
    }

    /// <summary>A client that believes any certificate, and follows nothing.</summary>
    public HttpClient Client(bool tls = false) =>
        new(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseProxy = false,
                UseCookies = false,
                SslOptions = new SslClientAuthenticationOptions
                {
                    RemoteCertificateValidationCallback = static (_, _, _, _) => true,
                },
            }
        )
        {
            BaseAddress = new Uri(tls ? $"https://127.0.0.1:{Https}" : $"http://127.0.0.1:{Http}"),
        };

    /// <summary>The first line of an answer: who gave it.</summary>
    public async Task<string> AskAsync(string path, string? host = null)
    {
        using var client = Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Host = host;
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return response.IsSuccessStatusCode ? text.Split('\n')[0] : $"{(int)response.StatusCode}";
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndAgentAsync();
        }
        finally
        {
            if (haproxy is not null)
                await EndHaproxyAsync();
            if (TestContext.Current.TestState?.Result is TestResult.Failed)
                TestContext.Current.TestOutputHelper?.WriteLine(HaproxyLog);
            folder.Dispose();
        }
    }

    private async Task EndHaproxyAsync()
    {
        // Its workers end with it.
        haproxy!.Kill(entireProcessTree: true);
        await haproxy.WaitForExitAsync(CancellationToken.None);
        haproxy.Dispose();
        haproxy = null;
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (output)
            output.Add(line.Data ?? "");
    }

    public static string Launcher([System.Runtime.CompilerServices.CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(
            Path.Combine(
                Path.GetDirectoryName(thisFile)!,
                "../../../appliance/image/rootfs/usr/libexec/appliance/ingress"
            )
        );

    private sealed class Halted : IDisposable
    {
        private readonly int pid;

        public Halted(int pid)
        {
            this.pid = pid;
            Assert.True(Posix.Kill(pid, Posix.SigStop));
        }

        public void Dispose() => Posix.Kill(pid, Posix.SigCont);
    }

    private sealed class ToTest : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => TestContext.Current.TestOutputHelper?.WriteLine($"{logLevel}: {formatter(state, exception)}");

        public void Dispose() { }
    }
}
