using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Appliance.Load;
using Appliance.Testing;

namespace Appliance.EndToEnd.UnderLoad;

/// <summary>
/// The published agent with HAProxy beside it, on an engine of their own, and the application under load behind ingress.
/// </summary>
internal sealed class LoadedAppliance : IAsyncDisposable
{
    private const string Bundles = "artifacts/load-app";

    private readonly ScratchFolder folder = new();
    private readonly PrivateEngine engine;
    private readonly SmallDisk? disk;
    private readonly CancellationTokenSource over = new();
    private Process haproxy;
    private Process agent;
    private Task keeping = Task.CompletedTask;

    private LoadedAppliance(PrivateEngine engine, string settings, int? disk)
    {
        this.engine = engine;
        (Http, Https) = (FreePort(), FreePort());
        if (disk is { } mebibytes)
            this.disk = new SmallDisk(folder["data"], mebibytes * 1024);
        File.WriteAllText(folder["agent.yaml"], settings);
        haproxy = StartHaproxy();
        agent = StartAgent();
    }

    /// <summary>Where the application answers.</summary>
    public Uri Url => new($"http://127.0.0.1:{Http}");

    /// <summary>The same over TLS.</summary>
    public Uri SecureUrl => new($"https://127.0.0.1:{Https}");

    public string Data => folder["data"];

    private int Http { get; }

    private int Https { get; }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>An appliance that runs the application's first release.</summary>
    /// <param name="version">Of the application.</param>
    /// <param name="settings">The agent's, knowing its engine.</param>
    /// <param name="disk">MiB of a disk of its own for the agent's state; null: it has none.</param>
    public static async Task<LoadedAppliance> StartAsync(
        string version = "1.0.0",
        Func<PrivateEngine, string>? settings = null,
        int? disk = null
    )
    {
        await BuildBundlesAsync();
        var own = await PrivateEngine.StartAsync(Ct);
        var appliance = new LoadedAppliance(own, settings?.Invoke(own) ?? "# Defaults.\n", disk);
        try
        {
            await Eventually.TrueAsync(
                "the agent answers",
                async _ => (await appliance.ControlAsync("status")).ExitCode == 0,
                Ct,
                TimeSpan.FromSeconds(60)
            );
            (await appliance.UpgradeAsync(version)).Succeeded();
            await appliance.WaitUntilServedAsync();
            return appliance;
        }
        catch
        {
            await appliance.DisposeAsync();
            throw;
        }
    }

    /// <summary>Installs, or upgrades to, a release of the application.</summary>
    public Task<Command> UpgradeAsync(string version) =>
        ControlAsync(
            "upgrade",
            "--bundle",
            Path.Combine(DevelopmentRun.Root, Bundles, $"load-{version}.bundle"),
            "--yes"
        );

    /// <summary>Runs the published appliancectl against this agent.</summary>
    public Task<Command> ControlAsync(params string[] arguments) =>
        Command.RunAsync(
            Path.Combine(DevelopmentRun.Root, "artifacts/bin/appliancectl"),
            arguments,
            new Dictionary<string, string?> { ["APPLIANCE_SOCKET"] = folder["agent.sock"] },
            Ct
        );

    /// <summary>Puts load on the application.</summary>
    public Task<LoadRun> LoadAsync(Uri? url = null, TimeSpan? longTime = null, bool withWebSockets = true) =>
        LoadRun.StartAsync(
            new LoadOptions
            {
                Target = url ?? Url,
                LongTime = longTime ?? TimeSpan.FromSeconds(10),
                WebSockets = withWebSockets ? 10 : 0,
                RampUp = TimeSpan.FromSeconds(5),
            },
            TimeProvider.System,
            Ct
        );

    /// <summary>Ends the agent as a crash does, and starts it anew.</summary>
    public async Task KillAgentAsync()
    {
        agent.Kill();
        await agent.WaitForExitAsync(Ct);
        agent.Dispose();
        agent = StartAgent();
    }

    /// <summary>Ends them as a crash does; who keeps them alive starts them again.</summary>
    public void Crash(bool agent, bool engine)
    {
        if (engine)
            Posix.Kill(this.engine.Pid, Posix.SigKill);
        if (agent)
            Posix.Kill(this.agent.Id, Posix.SigKill);
    }

    /// <summary>Fills the disk of the agent's state, but for a few pages, for a while.</summary>
    /// <exception cref="InvalidOperationException">It has none of its own.</exception>
    public async Task FillDiskAsync(TimeSpan forThat)
    {
        var own = disk ?? throw new InvalidOperationException("the agent's state has no disk of its own");
        own.Fill(leaving: 64 * 1024);
        try
        {
            await Task.Delay(forThat, TimeProvider.System, Ct);
        }
        finally
        {
            own.Free();
        }
    }

    /// <summary>Begins an upgrade, and ends the client that sends it after a while, as a lost connection does.</summary>
    public async Task CutUpgradeAsync(string version, TimeSpan after)
    {
        var start = new ProcessStartInfo(
            Path.Combine(DevelopmentRun.Root, "artifacts/bin/appliancectl"),
            ["upgrade", "--bundle", Path.Combine(DevelopmentRun.Root, Bundles, $"load-{version}.bundle"), "--yes"]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["APPLIANCE_SOCKET"] = folder["agent.sock"] },
        };
        using var client = Process.Start(start)!;
        client.OutputDataReceived += static (_, _) => { };
        client.ErrorDataReceived += static (_, _) => { };
        client.BeginOutputReadLine();
        client.BeginErrorReadLine();
        await Task.Delay(after, TimeProvider.System, Ct);
        client.Kill();
        await client.WaitForExitAsync(Ct);
    }

    /// <summary>The containers of the application that there are, and the versions that answer.</summary>
    public async Task<(int Containers, IReadOnlySet<string> Versions)> LookAsync()
    {
        var listed = await Command.RunAsync(
            "docker",
            ["container", "ls", "--all", "--quiet", "--filter", "label=appliance.project=load"],
            new Dictionary<string, string?> { ["DOCKER_HOST"] = engine.Endpoint },
            Ct
        );
        var versions = new HashSet<string>();
        using var browser = new HttpClient(
            new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.Zero }
        );
        for (var i = 0; i < 6; i++)
        {
            using var answer = await browser.GetAsync(Url, Ct);
            versions.UnionWith(answer.Headers.GetValues("X-App-Version"));
        }
        return (listed.Succeeded().Words.Length, versions);
    }

    /// <summary>From now on whatever ends is started again, as systemd does.</summary>
    public void KeepAlive() => keeping = Task.WhenAll(KeepHaproxyAsync(), KeepAgentAsync(), KeepEngineAsync());

    /// <summary>Gives the appliance a certificate for a name; returns its SHA-256 thumbprint.</summary>
    public async Task<string> SetCertificateAsync(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        await File.WriteAllTextAsync(folder["chain.pem"], certificate.ExportCertificatePem(), Ct);
        await File.WriteAllTextAsync(folder["key.pem"], key.ExportPkcs8PrivateKeyPem(), Ct);
        var set = await ControlAsync(
            "certificate",
            "set",
            "--certificate",
            folder["chain.pem"],
            "--key",
            folder["key.pem"]
        );
        Assert.Contains("In use", set.Succeeded().Output, StringComparison.Ordinal);
        return certificate.GetCertHashString(HashAlgorithmName.SHA256);
    }

    /// <summary>The pid of HAProxy's newest worker, the last child of its master.</summary>
    public int Worker() =>
        File.ReadAllText($"/proc/{haproxy.Id}/task/{haproxy.Id}/children")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(p => int.Parse(p, CultureInfo.InvariantCulture))
            .LastOrDefault();

    /// <summary>Tells HAProxy's configuration to be another shape, as a change of settings does.</summary>
    public async Task SetAsync(string settings)
    {
        await File.WriteAllTextAsync(folder["agent.yaml"], settings, Ct);
        Posix.Kill(agent.Id, 1);
    }

    /// <summary>The pid of the process of a container of the application.</summary>
    public async Task<int> PidOfAsync(int replica)
    {
        var asked = await Command.RunAsync(
            "docker",
            ["container", "inspect", "--format", "{{.State.Pid}}", $"load-web-{replica}"],
            new Dictionary<string, string?> { ["DOCKER_HOST"] = engine.Endpoint },
            Ct
        );
        return int.Parse(
            asked.Succeeded().Output,
            NumberStyles.None | NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture
        );
    }

    /// <summary>What <c>appliancectl</c> says as JSON.</summary>
    public async Task<JsonNode> AskAsync(params string[] words) =>
        JsonNode.Parse((await ControlAsync([.. words, "-o", "json"])).Succeeded().Output)!;

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await keeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        over.Dispose();
        // The agent first: it would bring back what goes.
        foreach (var process in (Process[])[agent, haproxy])
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
        }
        await engine.DisposeAsync();
        disk?.Dispose();
        folder.Dispose();
    }

    private async Task KeepHaproxyAsync()
    {
        while (true)
        {
            await haproxy.WaitForExitAsync(over.Token);
            haproxy.Dispose();
            haproxy = StartHaproxy();
        }
    }

    private async Task KeepAgentAsync()
    {
        while (true)
        {
            await agent.WaitForExitAsync(over.Token);
            agent.Dispose();
            agent = StartAgent();
        }
    }

    private async Task KeepEngineAsync()
    {
        while (true)
        {
            await engine.EndedAsync(over.Token);
            await engine.RestartAsync(over.Token);
        }
    }

    private async Task WaitUntilServedAsync()
    {
        using var browser = new HttpClient();
        await Eventually.TrueAsync(
            "the application answers through ingress",
            async ct =>
            {
                try
                {
                    return (await browser.GetAsync(Url, ct)).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            Ct,
            TimeSpan.FromSeconds(60)
        );
    }

    private Process StartHaproxy()
    {
        var start = new ProcessStartInfo(
            Path.Combine(DevelopmentRun.Root, "appliance/image/rootfs/usr/libexec/appliance/ingress"),
            ["run"]
        );
        start.Environment["INGRESS_DATA"] = folder["data/ingress"];
        start.Environment["INGRESS_RUN"] = folder["run"];
        Directory.CreateDirectory(folder["data"]);
        return Process.Start(start)!;
    }

    private Process StartAgent()
    {
        var start = new ProcessStartInfo(
            Path.Combine(DevelopmentRun.Root, "artifacts/bin/appliance-agent"),
            [
                "--data",
                folder["data"],
                "--socket",
                folder["agent.sock"],
                "--docker",
                engine.Endpoint,
                "--config",
                folder["agent.yaml"],
            ]
        );
        start.Environment["APPLIANCE__TRUST__ROOT"] = Path.Combine(DevelopmentRun.Root, Bundles, "root.json");
        start.Environment["APPLIANCE__INGRESS__HTTP_PORT"] = $"{Http}";
        start.Environment["APPLIANCE__INGRESS__HTTPS_PORT"] = $"{Https}";
        start.Environment["APPLIANCE__INGRESS__BIND_ADDRESS"] = "127.0.0.1";
        start.Environment["APPLIANCE__INGRESS__REDIRECT_HTTP"] = "false";
        start.Environment["APPLIANCE__INGRESS__RUN_DIRECTORY"] = folder["run"];
        return Process.Start(start)!;
    }

    private static async Task BuildBundlesAsync() =>
        (
            await Command.RunAsync(
                Path.Combine(DevelopmentRun.Root, "tests/LoadApp/bundles.sh"),
                [Path.Combine(DevelopmentRun.Root, Bundles)],
                new Dictionary<string, string?>(),
                Ct
            )
        ).Succeeded();

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
