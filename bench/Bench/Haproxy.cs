using System.Net;
using System.Net.Sockets;

namespace Appliance.Bench;

/// <summary>HAProxy for an agent's ingress, as it is started where there is no systemd.</summary>
/// <param name="data">Where the agent writes the configuration.</param>
/// <param name="run">Where the sockets are; its path is short.</param>
/// <param name="logs">A folder for its output.</param>
internal sealed class Haproxy(string data, string run, string logs)
    : MeasuredProcess(
        TestBed.Variable("BENCH_INGRESS"),
        ["run"],
        Path.Combine(logs, "haproxy.log"),
        ("INGRESS_DATA", data),
        ("INGRESS_RUN", run),
        ("INGRESS_NO_ROUTE", "1")
    )
{
    /// <summary>What an agent has to be told, for requests on these ports of the loopback interface.</summary>
    public static IEnumerable<(string, string)> Settings(int http, int https, string run) =>
        [
            ("APPLIANCE__INGRESS__HTTP_PORT", $"{http}"),
            ("APPLIANCE__INGRESS__HTTPS_PORT", $"{https}"),
            ("APPLIANCE__INGRESS__BIND_ADDRESS", "127.0.0.1"),
            ("APPLIANCE__INGRESS__REDIRECT_HTTP", "false"),
            ("APPLIANCE__INGRESS__RUN_DIRECTORY", run),
        ];

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
