namespace Appliance.Agent.Tests.Updates;

/// <summary>Releases of two services that every release changes, and that are quick to come and to go.</summary>
internal static class TwoServices
{
    /// <param name="version">What both services are labelled with, and <c>web</c> says.</param>
    /// <param name="check">What proves <c>web</c>; <c>false</c>: nothing does.</param>
    public static string Of(string version, string check = "true") =>
        $$$"""
            services:
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                labels: {release: "{{{version}}}"}
                command: ["sh", "-c", "mkdir -p /www; echo {{{version}}} > /www/index.html; exec sleep 1000000"]
                healthcheck: {test: ["CMD-SHELL", "{{{check}}}"], interval: 200ms, timeout: 2s, retries: 2}
                deploy: {update_config: {monitor: 100ms}}
                depends_on: [data]
              data:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                labels: {release: "{{{version}}}"}
                deploy: {update_config: {monitor: 100ms}}
            """;
}
