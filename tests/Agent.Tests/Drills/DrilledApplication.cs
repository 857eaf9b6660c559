using System.Diagnostics;
using Appliance.Agent.Tests.Ingress;
using Appliance.Agent.Tests.Running;
using Appliance.Agent.Tests.Updates;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Drills;

/// <summary>
/// An agent with an application of two replicas, and HAProxy in front of it, which is started again whenever it ends, as
/// systemd does.
/// </summary>
internal sealed class DrilledApplication : IAsyncDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly CancellationTokenSource over = new();
    private Task haproxy = Task.CompletedTask;
    private SmallDisk? disk;

    private DrilledApplication(PrivateEngine engine)
    {
        Agent = RealAgent.On(engine);
        // Nobody else's on this engine: it is taken away with all that is made from it.
        Image = $"appliance-test/drilled-{Agent.Project}:1";
        Agent.Images =
        [
            BusyboxImage.Build(
                new ImageRecipe
                {
                    Reference = Image,
                    Cmd = ["httpd", "-f", "-p", "8080", "-h", "/www"],
                    Files = new Dictionary<string, string> { ["/www/index.html"] = Agent.Project },
                }
            ),
        ];
        (Http, Https) = (Upstream.FreePort(), Upstream.FreePort());
    }

    public RealAgent Agent { get; }

    public string Image { get; }

    public int Http { get; }

    public long FreeMebibytes => new DriveInfo(Agent.Data).AvailableFreeSpace / 1024 / 1024;

    private int Https { get; }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <param name="engine">Where it runs.</param>
    /// <param name="more">More of the service.</param>
    /// <param name="settings">More settings: whole sections.</param>
    /// <param name="drills">Settings of the section <c>drills</c>.</param>
    /// <param name="withBatch">Whether the release has a service of the same image that ends when its work is done.</param>
    /// <param name="disk">MiB of a disk of its own for the agent's state; null: it has none.</param>
    public static async Task<DrilledApplication> StartAsync(
        PrivateEngine engine,
        string more = "",
        string settings = "",
        string drills = "ingress-comes-back: true",
        bool withBatch = false,
        int? disk = null
    )
    {
        var drilled = new DrilledApplication(engine);
        try
        {
            if (disk is { } mebibytes)
                drilled.disk = new SmallDisk(drilled.Agent.Data, mebibytes * 1024);
            await drilled.StartAsync(more, settings, drills, withBatch);
            return drilled;
        }
        catch
        {
            await drilled.DisposeAsync();
            throw;
        }
    }

    /// <summary>Drills, and returns what came of it.</summary>
    public async Task<DrillReport> DrillAsync(params string[] names)
    {
        var begun = await BeginAsync(isShort: true, names);
        return await EndOfAsync(begun.Id);
    }

    public async Task<Operation> BeginAsync(bool isShort, params string[] names) =>
        await Agent.Drills.StartDrillAsync(
            new StartDrillRequest { Names = { names }, Short = isShort },
            cancellationToken: Ct
        );

    public async Task<DrillReport> EndOfAsync(string id)
    {
        await Agent.EndOfAsync(id);
        return await ReportAsync(id);
    }

    public async Task<DrillReport> ReportAsync(string id) =>
        await Agent.Drills.GetDrillReportAsync(new GetDrillReportRequest { Id = id }, cancellationToken: Ct);

    /// <summary>Waits until a drill has brought a disaster about.</summary>
    public Task InjectedAsync() => Agent.EventAsync("drill.injected");

    /// <summary>A change of the table of mounts has the agent look at its disks.</summary>
    public static void LookAtDisks()
    {
        using var elsewhere = new ScratchFolder();
        using (new SmallDisk(elsewhere["x"], 64)) { }
    }

    /// <summary>Waits until all replicas are well, and are sent requests.</summary>
    public async Task WellAsync()
    {
        await Agent.BecomesAsync("web", "well", d => d.Summary is { State: ServiceState.Running, ReplicasReady: 2 });
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{Http}") };
        await Eventually.TrueAsync(
            "the application answers",
            async ct =>
            {
                try
                {
                    using var answer = await client.GetAsync("/", ct);
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            Ct
        );
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await haproxy;
        disk?.Dispose();
        await Agent.DisposeAsync();
        over.Dispose();
        folder.Dispose();
    }

    private async Task StartAsync(string more, string settings, string drills, bool withBatch)
    {
        await File.WriteAllTextAsync(
            Agent.Settings,
            $"""
            supervision: {"{"}backoff-first: 200ms, backoff-ceiling: 2s, stable-after: 5s{"}"}
            ingress:
              http-port: {Http}
              https-port: {Https}
              bind-address: 127.0.0.1
              redirect-http: false
              run-directory: {folder["run"]}
            drills:
              {drills}
            {settings}
            """,
            Ct
        );
        Agent.WriteCompose(
            $"""
            services:
              web:
                image: {Image}
                stop_signal: SIGKILL
                stop_grace_period: 1s
                deploy:
                  replicas: 2
                {more}
                x-appliance:
                  ingress: [{"{"}port: 8080, path: /{"}"}]
                  probes:
                    - http: {"{"}port: 8080, path: /{"}"}
                      interval: 1s
                      timeout: 1s
                      unhealthy-after: 2
            {(
                withBatch
                    ? $"\n  batch:\n    image: {Image}\n    command: [sleep, \"1000000\"]\n    restart: on-failure"
                    : ""
            )}
            """
        );
        haproxy = KeepHaproxyAsync();
        await Agent.StartAsync();
        await WellAsync();
    }

    private async Task KeepHaproxyAsync()
    {
        var start = new ProcessStartInfo(RealIngress.Launcher(), ["run"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment =
            {
                ["INGRESS_DATA"] = Path.Combine(Agent.Data, "ingress"),
                ["INGRESS_RUN"] = folder["run"],
                ["INGRESS_NO_ROUTE"] = "1",
                ["HAPROXY"] = RealIngress.Program,
            },
        };
        Directory.CreateDirectory(
            Agent.Data,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        while (!over.IsCancellationRequested)
        {
            using var process = Process.Start(start)!;
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            await process.WaitForExitAsync(over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (process.HasExited)
                continue;
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }
}
