using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Outcome = Appliance.V1.DisasterReport.Types.Outcome;

namespace Appliance.Agent.Tests.Drills;

/// <summary>Each disaster on real containers behind a real HAProxy, and what is measured of it.</summary>
public sealed class DrillTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_disaster_of_a_container_is_noticed_recovered_from_and_counted()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine);
        var before = await drilled.Agent.ContainerAsync("web");

        var report = await drilled.DrillAsync("kill-service", "cut-network", "stop-ingress", "corrupt-image");

        Assert.Equal(
            ["kill-service Passed", "cut-network Passed", "stop-ingress Passed", "corrupt-image Passed"],
            report.Disasters.Select(d => $"{d.Name} {d.Outcome}")
        );
        Assert.Equal(OperationState.Done, report.Operation.State);
        // Another replica for each.
        Assert.Equal(
            [$"{drilled.Agent.Project}-web-1", $"{drilled.Agent.Project}-web-2", "HAProxy", drilled.Image],
            report.Disasters.Select(d => d.Target)
        );
        Assert.All(
            report.Disasters,
            d =>
            {
                Assert.Equal($"http://127.0.0.1:{drilled.Http}/", d.Asked);
                // 50 a second, for the second after the recovery at least.
                Assert.InRange(d.Requests, 30, 50 * 40);
                Assert.InRange(d.Lost, 0, d.Requests - 20);
                Assert.True(d.Detected.ToTimeSpan() <= d.DetectWithin.ToTimeSpan());
                Assert.True(d.Recovered.ToTimeSpan() <= d.RecoverWithin.ToTimeSpan());
                Assert.NotEmpty(d.DetectedBy);
            }
        );
        // All of its containers went with the image, and it is the same one that was loaded again.
        Assert.True(report.Disasters[3].Lost > 0);
        var after = await drilled.Agent.ContainerAsync("web");
        Assert.NotEqual(before.Id, after.Id);
        Assert.Equal(before.ImageId, after.ImageId);
        // Nobody can be answered while HAProxy is away.
        Assert.True(report.Disasters[2].LongestGap.ToTimeSpan() > TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_container_that_hangs_is_found_out_by_its_probe_and_restarted()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine);
        var before = await drilled.Agent.ContainerAsync("web");

        var disaster = Assert.Single((await drilled.DrillAsync("hang-service")).Disasters);

        Assert.Equal((Outcome.Passed, ""), (disaster.Outcome, disaster.Why));
        Assert.Contains("no answer within 1 s", disaster.DetectedBy);
        Assert.True(disaster.Detected.ToTimeSpan() > TimeSpan.FromSeconds(1));
        Assert.True((await drilled.Agent.ContainerAsync("web")).State.StartedAt > before.State.StartedAt);
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("cpus: 0.5", 500_000_000L)]
    [InlineData("", 0L)]
    public async Task A_container_that_was_slowed_gets_its_processor_back(string limits, long nanoCpus)
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine, limits);

        var begun = await drilled.BeginAsync(isShort: true, "slow-service");
        await drilled.InjectedAsync();
        await Eventually.TrueAsync(
            "it is slowed",
            async ct => await CpuOfAsync(drilled, ct) is "10000000/0" or "0/1000",
            Ct
        );
        var disaster = Assert.Single((await drilled.EndOfAsync(begun.Id)).Disasters);

        Assert.Equal((Outcome.Passed, true), (disaster.Outcome, disaster.FromUndo));
        Assert.Equal(nanoCpus > 0 ? $"{nanoCpus}/0" : "0/-1", await CpuOfAsync(drilled, Ct));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_disk_is_filled_to_the_reserve_until_the_alarm_and_emptied_again()
    {
        await using var drilled = await DrilledApplication.StartAsync(
            shared.Engine,
            settings: "healing: {least-free-space: 24}",
            drills: "reserve: 16",
            disk: 128
        );

        var begun = await drilled.BeginAsync(isShort: true, "fill-disk");
        await drilled.InjectedAsync();
        await Eventually.TrueAsync("the disk is full", () => drilled.FreeMebibytes is < 24 and >= 16, Ct);
        DrilledApplication.LookAtDisks();
        await drilled.Agent.EventAsync("machine.problem");
        await Eventually.TrueAsync("the ballast is gone", () => drilled.FreeMebibytes > 48, Ct);
        // It is not over before the agent has seen that it is.
        var meanwhile = Assert.Single((await drilled.ReportAsync(begun.Id)).Disasters);
        Assert.Equal(Outcome.Pending, meanwhile.Outcome);
        DrilledApplication.LookAtDisks();
        var disaster = Assert.Single((await drilled.EndOfAsync(begun.Id)).Disasters);

        Assert.Equal((Outcome.Passed, "", 0), (disaster.Outcome, disaster.Why, disaster.Lost));
        Assert.Contains("is full", disaster.DetectedBy);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_container_whose_first_process_answers_nobody_cannot_be_made_to_hang_by_it()
    {
        await using var drilled = await DrilledApplication.StartAsync(
            shared.Engine,
            more: "command: [sh, -c, 'httpd -f -p 8080 -h /www; true']"
        );

        var report = await drilled.DrillAsync("hang-service");

        var disaster = Assert.Single(report.Disasters);
        Assert.Equal(
            (
                Outcome.NotRun,
                $"stopping its first process does not make it hang: {disaster.Target} is answering its probe still"
            ),
            (disaster.Outcome, disaster.Why)
        );
        Assert.Equal(OperationState.Refused, report.Operation.State);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_disk_that_is_not_the_agents_alone_counts_as_full_and_nothing_of_it_is_taken()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine);
        var free = drilled.FreeMebibytes;

        var begun = await drilled.BeginAsync(isShort: true, "fill-disk");
        var least = free;
        await Eventually.TrueAsync(
            "it has ended",
            async _ =>
            {
                DrilledApplication.LookAtDisks();
                least = Math.Min(least, drilled.FreeMebibytes);
                Assert.False(File.Exists(Path.Combine(drilled.Agent.Data, "drill-ballast")));
                return (await drilled.ReportAsync(begun.Id)).Operation.State is not OperationState.Running;
            },
            Ct,
            TimeSpan.FromMinutes(2)
        );

        var disaster = Assert.Single((await drilled.ReportAsync(begun.Id)).Disasters);
        Assert.Equal((Outcome.Passed, "", 0), (disaster.Outcome, disaster.Why, disaster.Lost));
        Assert.Contains("is full", disaster.DetectedBy);
        // Others write here, too.
        Assert.True(least > free / 2);
    }

    [Fact]
    public async Task An_image_is_not_taken_from_under_work_that_would_begin_anew()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine, withBatch: true);
        await drilled.Agent.BecomesAsync("batch", ServiceState.Running);
        var batch = await drilled.Agent.ContainerAsync("batch");

        var disaster = Assert.Single((await drilled.DrillAsync("corrupt-image")).Disasters);

        Assert.Equal(
            (Outcome.NotRun, $"{batch.Name} is made from the same image, and would begin its work anew"),
            (disaster.Outcome, disaster.Why)
        );
        Assert.Equal(batch.State.StartedAt, (await drilled.Agent.ContainerAsync("batch")).State.StartedAt);
    }

    [Fact]
    public async Task A_list_of_the_disasters_reads_no_image_and_drops_nothing()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine);
        var layer = Directory
            .EnumerateFiles(Path.Combine(drilled.Agent.Data, "content/blobs/sha256"))
            .MaxBy(f => new FileInfo(f).Length)!;
        using (var file = File.OpenHandle(layer, FileMode.Open, FileAccess.ReadWrite))
        {
            var end = new byte[1];
            RandomAccess.Read(file, end, RandomAccess.GetLength(file) - 1);
            RandomAccess.Write(file, [(byte)~end[0]], RandomAccess.GetLength(file) - 1);
        }

        var listed = await drilled.Agent.Drills.ListDisastersAsync(new ListDisastersRequest(), cancellationToken: Ct);
        Assert.Equal("", listed.Disasters.Single(d => d.Name == "corrupt-image").WhyNot);
        Assert.True(File.Exists(layer));

        var disaster = Assert.Single((await drilled.DrillAsync("corrupt-image")).Disasters);
        Assert.Equal(Outcome.NotRun, disaster.Outcome);
        Assert.Contains("is damaged, and was dropped", disaster.Why);
        listed = await drilled.Agent.Drills.ListDisastersAsync(new ListDisastersRequest(), cancellationToken: Ct);
        Assert.Contains("is not stored", listed.Disasters.Single(d => d.Name == "corrupt-image").WhyNot);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task An_engine_that_is_killed_loses_no_request()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var drilled = await DrilledApplication.StartAsync(
            engine,
            settings: $"healing: {{engine-pid-file: {engine.PidFile}}}"
        );

        var begun = await drilled.BeginAsync(isShort: true, "kill-engine");
        await engine.EndedAsync(Ct).WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Ct);
        await engine.RestartAsync(Ct);
        var disaster = Assert.Single((await drilled.EndOfAsync(begun.Id)).Disasters);

        Assert.Equal((Outcome.Passed, "", 0), (disaster.Outcome, disaster.Why, disaster.Lost));
        Assert.InRange(disaster.Requests, 50, 50 * 90);
    }

    private static async Task<string> CpuOfAsync(DrilledApplication drilled, CancellationToken ct)
    {
        var host = (
            await drilled.Agent.Engine.Containers.InspectAsync($"{drilled.Agent.Project}-web-1", ct)
        ).HostConfig;
        return $"{host.NanoCpus ?? 0}/{host.CpuQuota ?? 0}";
    }
}
