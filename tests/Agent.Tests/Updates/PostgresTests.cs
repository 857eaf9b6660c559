using System.Diagnostics;
using System.Formats.Tar;
using System.Text.Json.Nodes;
using Appliance.Agent.Tests.Running;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Updates;

/// <summary>A real database whose schema the releases change: its data goes back with the code.</summary>
[Trait("Category", "Long")]
public sealed class PostgresTests(SharedEngine shared)
{
    private const string Image = "appliance-test/postgres:1";

    private static readonly string[] Schema =
    [
        "create table items (id int primary key, name text not null)",
        "insert into items select n, 'item ' || n from generate_series(1, 1000) n",
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_breaking_migration_that_fails_half_way_leaves_the_data_as_it_was()
    {
        await using var agent = await InstalledAsync();
        var before = await DumpAsync(agent);

        var operation = await agent.UpgradeAsync(
            await agent.BundleAsync(
                "2.0.0",
                Compose(
                    "2.0.0",
                    "breaking",
                    "alter table items rename column name to title",
                    "delete from items where id > 500",
                    "select 1 / 0"
                )
            )
        );

        Assert.Equal(OperationState.RolledBack, operation.State);
        Assert.Contains("division by zero", operation.Evidence);
        Assert.Equal("1.0.0", await agent.VersionAsync());
        await agent.BecomesAsync("db", ServiceState.Running);
        Assert.Equal(before, await DumpAsync(agent));
    }

    [Fact]
    public async Task A_rollback_after_a_breaking_migration_brings_back_code_and_data()
    {
        await using var agent = await InstalledAsync();
        var before = await DumpAsync(agent);
        var operation = await agent.UpgradeAsync(
            await agent.BundleAsync(
                "2.0.0",
                Compose("2.0.0", "breaking", "alter table items rename column name to title")
            )
        );
        Assert.Equal((OperationState.Done, ""), (operation.State, operation.Reason));
        await agent.BecomesAsync("db", ServiceState.Running);
        await QueryAsync(agent, "insert into items (id, title) values (1001, 'written by the new release')");

        var plan = await agent.Updates.PlanRollbackAsync(new PlanRollbackRequest(), cancellationToken: Ct);
        Assert.NotEqual("", plan.LosesDataSince);
        var back = await agent.RollBackAsync(plan.LosesDataSince);

        Assert.Equal((OperationState.Done, ""), (back.State, back.Reason));
        Assert.Equal("1.0.0", await agent.VersionAsync());
        await agent.BecomesAsync("db", ServiceState.Running);
        Assert.Equal(before, await DumpAsync(agent));
    }

    [Fact]
    public async Task A_rollback_after_a_migration_that_only_expands_keeps_the_new_rows()
    {
        await using var agent = await InstalledAsync();
        var operation = await agent.UpgradeAsync(
            await agent.BundleAsync("2.0.0", Compose("2.0.0", "expand", "alter table items add column note text"))
        );
        Assert.Equal((OperationState.Done, ""), (operation.State, operation.Reason));
        await agent.BecomesAsync("db", ServiceState.Running);
        await QueryAsync(agent, "insert into items values (1001, 'written by the new release', 'with a note')");

        var back = await agent.RollBackAsync();

        Assert.Equal((OperationState.Done, ""), (back.State, back.Reason));
        Assert.Equal("1.0.0", await agent.VersionAsync());
        await agent.BecomesAsync("db", ServiceState.Running);
        Assert.Equal("written by the new release", await QueryAsync(agent, "select name from items where id = 1001"));
    }

    private async Task<RealAgent> InstalledAsync()
    {
        var agent = RealAgent.On(shared.Engine);
        agent.Images = [await PostgresAsync()];
        await agent.InstallAsync(Compose("1.0.0", "none", Schema));
        await agent.StartAsync();
        await Eventually.TrueAsync(
            "the first migration is done",
            async _ =>
                (await agent.ServiceAsync("migrate")).Summary.State is ServiceState.Completed
                && (await agent.ServiceAsync("db")).Summary.State is ServiceState.Running,
            Ct,
            TimeSpan.FromMinutes(3)
        );
        return agent;
    }

    private static async Task<string> DumpAsync(RealAgent agent)
    {
        var dump = await RunAsync(agent, "pg_dump", "-h", "/tmp", "-U", "app", "postgres");
        // Newer ones put a random word around what they write.
        return string.Join(
            '\n',
            dump.Split('\n')
                .Where(l => !l.StartsWith("\\restrict ", StringComparison.Ordinal))
                .Where(l => !l.StartsWith("\\unrestrict ", StringComparison.Ordinal))
        );
    }

    private static async Task<string> QueryAsync(RealAgent agent, string sql) =>
        (await RunAsync(agent, "psql", "-h", "/tmp", "-U", "app", "-At", "-c", sql, "postgres")).Trim();

    private static async Task<string> RunAsync(RealAgent agent, params string[] command)
    {
        var result = await agent.Engine.Containers.ExecAsync(
            $"{agent.Project}-db-1",
            new ExecSpec { Command = command },
            1_000_000,
            Ct
        );
        Assert.Equal((0, "", false), (result.ExitCode, result.Stderr, result.Truncated));
        return result.Stdout;
    }

    private static string Compose(string version, string change, params IReadOnlyList<string> migration) =>
        $$$"""
            services:
              db:
                image: {{{Image}}}
                labels: {release: "{{{version}}}"}
                volumes: [rows:/var/lib/postgresql]
                healthcheck: {test: ["CMD", "pg_isready", "-h", "/tmp", "-U", "app"], interval: 500ms, timeout: 3s, retries: 3, start_period: 120s}
                deploy: {update_config: {monitor: 100ms}}
              migrate:
                image: {{{Image}}}
                restart: "no"
                labels: {release: "{{{version}}}"}
                depends_on: {db: {condition: service_healthy}}
                command: ["psql", "-h", "db", "-U", "app", "-v", "ON_ERROR_STOP=1", {{{string.Concat(
                migration.Select(m => $"\"-c\", \"{m}\", ")
            )}}}"postgres"]
                x-appliance: {migration: {timeout: 2m}}
            volumes:
              rows: {x-appliance: {data: {{{change}}}}}
            """;

    /// <summary>Built of Debian's packages where it is not there yet.</summary>
    private static async Task<BusyboxImage> PostgresAsync()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Agent.sln")))
            root = root.Parent ?? throw new InvalidOperationException("the tests run outside of their repository");
        var folder = Path.Combine(root.FullName, "artifacts/postgres");
        using var build = Process.Start(Path.Combine(root.FullName, "tests/Postgres/build.sh"), [folder]);
        await build.WaitForExitAsync(Ct);
        Assert.Equal(0, build.ExitCode);

        var archive = await File.ReadAllBytesAsync(Path.Combine(folder, "postgres.tar"), Ct);
        await using var tar = new TarReader(new MemoryStream(archive));
        while (await tar.GetNextEntryAsync(copyData: false, Ct) is { } entry)
        {
            if (entry.Name != "manifest.json")
                continue;
            var manifest = await JsonNode.ParseAsync(entry.DataStream!, cancellationToken: Ct);
            var config = (string)manifest![0]!["Config"]!;
            return new BusyboxImage(Image, $"sha256:{Path.GetFileNameWithoutExtension(config)}", archive);
        }
        throw new InvalidOperationException("the archive has no manifest");
    }
}
