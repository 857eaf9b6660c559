using Appliance.Load;
using Appliance.Testing;

namespace Appliance.EndToEnd.UnderLoad;

/// <summary>Whatever is changed, nobody who uses the application meanwhile notices: 500 requests a second, none of which fails.</summary>
[Trait("Category", "Long")]
public sealed class ChangesUnderLoadTests(ITestOutputHelper output)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_upgrade_and_the_way_back_lose_no_request()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("upgrade");
        var upgraded = (await appliance.UpgradeAsync("2.0.0")).Succeeded();
        load.Mark("rollback");
        (await appliance.ControlAsync("rollback", "--yes")).Succeeded();

        var report = await EndAsync(load);
        Assert.Equal(["1.0.0", "2.0.0"], report.Phase("upgrade").Versions.Keys.Order());
        Assert.Equal(["1.0.0", "2.0.0"], report.Phase("rollback").Versions.Keys.Order());
        Assert.Equal(0, report.Failed);
        // The report of the update has counted them too.
        Assert.Matches("0 of [0-9,]+ requests failed", upgraded.Output + upgraded.Errors);
    }

    [Fact]
    public async Task A_release_that_renames_the_service_and_the_way_back_lose_no_request()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("upgrade");
        (await appliance.UpgradeAsync("2.7.0-renamed")).Succeeded();
        load.Mark("renamed");
        await Steadily(load);
        load.Mark("rollback");
        (await appliance.ControlAsync("rollback", "--yes")).Succeeded();
        load.Mark("back");
        await Steadily(load);

        var report = await EndAsync(load);
        Assert.Equal(["2.7.0-renamed"], report.Phase("renamed").Versions.Keys);
        Assert.Equal(["1.0.0"], report.Phase("back").Versions.Keys);
        Assert.Equal(0, report.Failed);
    }

    [Fact]
    public async Task An_agent_that_is_killed_during_the_switch_loses_no_request()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("upgrade");
        var upgrading = appliance.UpgradeAsync("2.0.0");
        await Eventually.TrueAsync(
            "the new version answers",
            () => load.Report().Phase("upgrade").Versions.ContainsKey("2.0.0"),
            Ct,
            TimeSpan.FromMinutes(1)
        );
        await appliance.KillAgentAsync();
        await upgrading;
        await Eventually.TrueAsync(
            "the upgrade has ended",
            async _ =>
                (await appliance.ControlAsync("operations", "watch")).ExitCode == 0
                && (await appliance.AskAsync("status"))["release"]?["version"]?.GetValue<string>() == "2.0.0",
            Ct,
            TimeSpan.FromMinutes(2)
        );

        Assert.Equal(0, (await EndAsync(load)).Failed);
    }

    [Fact]
    public async Task Another_certificate_is_served_and_no_request_lost()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync(appliance.SecureUrl);
        await Steadily(load);

        load.Mark("certificate");
        var made = await appliance.SetCertificateAsync("shop.example");
        load.Mark("after");
        await Steadily(load);

        var report = await EndAsync(load);
        Assert.Equal([made], report.Phase("after").Certificates);
        Assert.DoesNotContain(made, report.Phase("steady").Certificates);
        Assert.Equal(0, report.Failed);
    }

    [Fact]
    public async Task Settings_that_take_a_reload_are_taken_and_no_request_lost()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("reload");
        var before = appliance.Worker();
        await appliance.SetAsync("ingress:\n  maxconn: 9000\n");
        await Eventually.TrueAsync("another worker serves", () => appliance.Worker() != before, Ct);
        await Steadily(load);

        Assert.Equal(0, (await EndAsync(load)).Failed);
    }

    [Fact]
    public async Task A_canary_that_fares_well_is_promoted_and_loses_no_request()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("canary");
        var upgrading = appliance.UpgradeAsync("2.5.0-canary");
        await Eventually.TrueAsync(
            "requests go to both versions, and are told apart",
            async _ =>
                await appliance.ControlAsync("rollout", "status", "-o", "json") is { ExitCode: 0 } said
                && said.Output.Contains("\"trial\"", StringComparison.Ordinal)
                && load.Report().Phase("canary").Versions.GetValueOrDefault("2.5.0-canary") > 50,
            Ct,
            TimeSpan.FromMinutes(1)
        );
        (await appliance.ControlAsync("rollout", "promote")).Succeeded();
        (await upgrading).Succeeded();

        Assert.Equal(0, (await EndAsync(load)).Failed);
    }

    [Fact]
    public async Task A_canary_that_somebody_breaks_off_loses_no_request()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("canary");
        var upgrading = appliance.UpgradeAsync("2.5.0-canary");
        await Eventually.TrueAsync(
            "requests go to the canary",
            () => load.Report().Phase("canary").Versions.GetValueOrDefault("2.5.0-canary") > 50,
            Ct,
            TimeSpan.FromMinutes(1)
        );
        (await appliance.ControlAsync("rollout", "abort", "--yes")).Succeeded();
        await upgrading;
        await Eventually.TrueAsync(
            "the old version is back",
            async _ =>
                (await appliance.AskAsync("operations", "list", "--running"))["operations"]!.AsArray().Count == 0,
            Ct,
            TimeSpan.FromMinutes(1)
        );

        var report = await EndAsync(load);
        Assert.Equal(0, report.Failed);
    }

    [Fact]
    public async Task A_release_that_is_healthy_and_answers_errors_is_taken_back()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("errors");
        var upgraded = await appliance.UpgradeAsync("2.1.0-errors");
        Assert.Equal(6, upgraded.ExitCode);
        Assert.Matches("[0-9]+ of [0-9,]+ requests to the new web failed", upgraded.Output + upgraded.Errors);
        load.Mark("after");
        await Steadily(load);

        var report = await EndAsync(load);
        Assert.Equal(["1.0.0"], report.Phase("after").Versions.Keys);
        Assert.Equal(0, report.Phase("after").Failed);
    }

    [Fact]
    public async Task A_container_that_is_killed_loses_no_more_than_its_requests_under_way()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("kill");
        Posix.Kill(await appliance.PidOfAsync(1), Posix.SigKill);
        await Eventually.TrueAsync(
            "both replicas are ready again",
            async _ =>
                (await appliance.AskAsync("status"))["services"]?[0]?["restarts"]?.GetValue<int>() == 1
                && (await appliance.AskAsync("status"))["health"]?.GetValue<string>() == "HEALTH_OK",
            Ct,
            TimeSpan.FromMinutes(1)
        );
        await Steadily(load);

        // Half of the long requests and WebSockets were its own, and what it was just answering.
        Assert.InRange((await EndAsync(load)).Failed, 0, 30);
    }

    [Fact]
    public async Task A_crash_loop_is_taken_back_within_seconds_and_costs_no_more_than_its_own_requests_under_way()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();
        await Steadily(load);

        load.Mark("crash");
        var upgraded = await appliance.UpgradeAsync("2.3.0-crash");
        Assert.Equal(6, upgraded.ExitCode);
        Assert.True(upgraded.Took < TimeSpan.FromSeconds(30), $"it took {upgraded.Took}");

        // It is well for a second each time, and then gone with what it was just answering.
        Assert.InRange((await EndAsync(load)).Failed, 0, 30);
    }

    [Fact]
    public async Task A_release_that_takes_its_declared_time_to_start_is_waited_for()
    {
        await using var appliance = await LoadedAppliance.StartAsync();
        await using var load = await appliance.LoadAsync();

        load.Mark("slow start");
        (await appliance.UpgradeAsync("2.2.0-slow-start")).Succeeded();

        Assert.Equal(0, (await EndAsync(load)).Failed);
    }

    private static Task Steadily(LoadRun load) =>
        Eventually.TrueAsync(
            "there were enough requests to compare with",
            () => load.Report().Phases[^1].Requests > 2000,
            Ct,
            TimeSpan.FromMinutes(1)
        );

    private async Task<LoadReport> EndAsync(LoadRun load)
    {
        var report = await load.StopAsync(Ct);
        output.WriteLine($"{report}");
        return report;
    }
}
