using System.Diagnostics;
using Appliance.Agent.Tests.Ingress;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Running;

/// <summary>A real HAProxy for an agent that is to be started yet, as the appliance has one.</summary>
internal sealed class HaproxyBeside : IAsyncDisposable
{
    private readonly ScratchFolder run = new();
    private Process? process;

    private HaproxyBeside() { }

    /// <summary>Where the application answers.</summary>
    public int Http { get; } = Upstream.FreePort();

    /// <param name="agent">Its settings are written.</param>
    /// <param name="withRoute">Whether the addresses of internal listeners are made this machine's: it stays so.</param>
    public static async Task<HaproxyBeside> StartAsync(RealAgent agent, bool withRoute = false)
    {
        var beside = new HaproxyBeside();
        await File.WriteAllTextAsync(
            agent.Settings,
            $"""
            ingress:
              bind-address: 127.0.0.1
              http-port: {beside.Http}
              https-port: {Upstream.FreePort()}
              redirect-http: false
              run-directory: {beside.run["run"]}
              haproxy: {RealIngress.Program}

            """,
            TestContext.Current.CancellationToken
        );
        Directory.CreateDirectory(
            agent.Data,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        var haproxy = RealIngress.Start(Path.Combine(agent.Data, "ingress"), beside.run["run"], withRoute);
        haproxy.OutputDataReceived += static (_, _) => { };
        haproxy.ErrorDataReceived += static (_, _) => { };
        haproxy.BeginOutputReadLine();
        haproxy.BeginErrorReadLine();
        beside.process = haproxy;
        return beside;
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
        }
        run.Dispose();
    }
}
