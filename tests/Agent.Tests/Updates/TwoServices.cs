namespace Appliance.Agent.Tests.Updates;

/// <summary>Releases of two services that every release changes, and that are quick to come and to go.</summary>
internal static class TwoServices
{
    /// <param name="version">What both services are labelled with, and <c>web</c> says.</param>
    /// <param name="check">What proves <c>web</c>; <c>false</c>: nothing does.</param>
    /// <param name="startPeriod">For how long <c>web</c> may fail it.</param>
    /// <param name="work">What <c>web</c> does.</param>
    /// <param name="image">What <c>web</c> is made of.</param>
    public static string Of(
        string version,
        string check = "true",
        string startPeriod = "0s",
        string work = "exec sleep 1000000",
        string image = "appliance-test/busybox:1"
    ) =>
        $$$"""
            services:
              web:
                image: {{{image}}}
                stop_signal: SIGKILL
                labels: {release: "{{{version}}}"}
                command: ["sh", "-c", "mkdir -p /www; echo {{{version}}} > /www/index.html; {{{work}}}"]
                healthcheck: {test: ["CMD-SHELL", "{{{check}}}"], interval: 200ms, timeout: 2s, retries: 2, start_period: "{{{startPeriod}}}"}
                deploy: {update_config: {monitor: 100ms}}
                depends_on: [data]
              data:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                labels: {release: "{{{version}}}"}
                deploy: {update_config: {monitor: 100ms}}
            """;
}
