using System.Diagnostics;
using Appliance.Agent.Tests.Running;
using Appliance.V1;

namespace Appliance.Agent.Tests.Updates;

/// <summary>
/// Releases of a small database: it keeps rows in a volume, in a format that its version must know or it does not run, and
/// a migration turns the format before into its own.
/// </summary>
internal static class Rows
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static string V1 => Of("1.0.0", format: 1, "none", migration: "", check: "true");

    /// <summary>Rows become lines, and what the version before needs is gone.</summary>
    public static string V2 => Of("2.0.0", 2, "breaking", Convert("echo 2 > /rows/format"), "true");

    /// <summary>Its migration ends half way.</summary>
    public static string V2Breaking => Of("2.0.0", 2, "breaking", Convert("echo out of luck; exit 3"), "true");

    /// <summary>Its migration never ends.</summary>
    public static string V2Hanging => Of("2.0.0", 2, "breaking", Convert("exec sleep 1000000"), "true", "3s");

    /// <summary>Its migration ends well, and yet it is never healthy.</summary>
    public static string V2Unwell => Of("2.0.0", 2, "breaking", Convert("echo 2 > /rows/format"), "false");

    /// <summary>More is kept than before, which the version before does not mind.</summary>
    public static string V2Expanding => Of("2.0.0", 1, "expand", "echo more > /rows/more", "true");

    public static async Task<string> FolderAsync(this RealAgent agent) =>
        (await agent.Engine.Volumes.InspectAsync($"{agent.Project}_rows", Ct)).Mountpoint;

    /// <summary>The database writes, and says that it has.</summary>
    public static async Task WriteAsync(this RealAgent agent, string row)
    {
        var done = await agent.Engine.Containers.ExecAsync(
            $"{agent.Project}-db-1",
            new Docker.ExecSpec
            {
                Command =
                [
                    "sh",
                    "-c",
                    $"echo 'row {row}' >> /rows/rows && ln -f /rows/rows /rows/index && mkdir -p /rows/private && chmod 700 /rows/private",
                ],
            },
            1000,
            Ct
        );
        Assert.Equal(0, done.ExitCode);
    }

    public static async Task<string> ReadAsync(this RealAgent agent) =>
        await File.ReadAllTextAsync(Path.Combine(await agent.FolderAsync(), "rows"), Ct);

    /// <summary>All that there is: names, kinds, modes, owners, times, links and contents.</summary>
    public static async Task<string> PictureAsync(string folder)
    {
        using var find = Process.Start(
            new ProcessStartInfo(
                "sh",
                [
                    "-c",
                    "cd \"$0\" && find . -printf '%P %y %m %U %G %T@ %n %l\\n' | sort && find . -type f -exec sha256sum {} + | sort",
                    folder,
                ]
            )
            {
                RedirectStandardOutput = true,
            }
        )!;
        var picture = await find.StandardOutput.ReadToEndAsync(Ct);
        await find.WaitForExitAsync(Ct);
        Assert.Equal(0, find.ExitCode);
        return picture;
    }

    /// <summary>One release of it, whole, on data of its own format.</summary>
    public static async Task RunsOnItsDataAsync(this RealAgent agent, string version)
    {
        Assert.Equal(version, await agent.VersionAsync());
        await agent.BecomesAsync("db", ServiceState.Running);
        var db = await agent.ContainerAsync("db");
        Assert.Equal(version[..1], db.Config.Labels["release"][..1]);
        var format = await File.ReadAllTextAsync(Path.Combine(await agent.FolderAsync(), "format"), Ct);
        Assert.Equal(version[..1], format.Trim());
        Assert.StartsWith(version[0] == '1' ? "row" : "line", await agent.ReadAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(
            await agent.ContainersAsync(),
            c => c.Names[0].Contains("migrate", StringComparison.Ordinal) && version[0] == '1'
        );
    }

    private static string Convert(string rest) =>
        $"echo converting; sed -i s/^row/line/ /rows/rows; rm -rf /rows/index /rows/private; {rest}";

    private static string Of(
        string version,
        int format,
        string data,
        string migration,
        string check,
        string timeout = "5m"
    )
    {
        var migrate =
            migration.Length == 0
                ? ""
                : $$$"""
                      migrate:
                        image: appliance-test/busybox:1
                        restart: "no"
                        labels: {release: "{{{version}}}"}
                        command: ["sh", "-c", "{{{migration}}}"]
                        volumes: ["rows:/rows"]
                        x-appliance: {migration: {timeout: {{{timeout}}}}}
                    """;
        var waits = migration.Length == 0 ? "" : "depends_on: {migrate: {condition: service_completed_successfully}}";
        return $$$"""
            services:
            {{{migrate}}}
              db:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                labels: {release: "{{{version}}}"}
                command: ["sh", "-c", "[ -e /rows/format ] || echo {{{format}}} > /rows/format; grep -qx {{{format}}} /rows/format || { echo unknown format; exit 1; }; exec sleep 1000000"]
                healthcheck: {test: ["CMD-SHELL", "{{{check}}}"], interval: 200ms, timeout: 20s, retries: 2}
                deploy: {update_config: {monitor: 100ms}}
                volumes: ["rows:/rows"]
                {{{waits}}}
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                deploy: {update_config: {monitor: 100ms}}
                volumes: ["rows:/seen:ro"]
                depends_on: [db]
            volumes:
              rows: {x-appliance: {data: {{{data}}}}}
            """;
    }
}
