namespace Appliance.Bench;

/// <summary>
/// From the start of <c>appliancectl upgrade</c>, whose upload is verified as it comes, until the engine has the image,
/// and until the release is committed with its container running.
/// </summary>
internal static class Installation
{
    private static readonly Aim Memory = new(50, TimesFloor: false);

    public static async Task<IEnumerable<Row>> MeasureAsync(
        TestBed bed,
        string first,
        string second,
        IReadOnlyList<ImageArchive> images,
        CancellationToken ct
    )
    {
        var (installs, upgrades, floor) = (new List<Round>(), new List<Round>(), new List<double>());
        for (var round = 0; round < Bundling.Rounds(bed); round++)
        {
            await ForgetAsync(bed, images, ct);
            var load = new Command("docker", "--host", bed.EngineEndpoint, "load", "--input", images[0].Path);
            floor.Add((await load.RunAsync(ct)).TotalMilliseconds);

            await ForgetAsync(bed, images, ct);
            await using var agent = await StartAsync(bed, ct);
            installs.Add(await UpgradeAsync(bed, agent, first, ct));
            await Bundling.SettleAsync(ct);
            upgrades.Add(await UpgradeAsync(bed, agent, second, ct));
        }
        await ForgetAsync(bed, images, ct);

        var loading = Figures.Median(floor);
        var installed = Median(installs, r => r.Committed);
        const string Load = "docker load of the same image";
        return
        [
            new("install, until loaded", Median(installs, r => r.Loaded), "ms", loading, Load, new Aim(1.15, true)),
            new("install, until committed", installed, "ms", loading, Load, Aim: null),
            new("upgrade of a small layer", Median(upgrades, r => r.Committed), "ms", installed, "the install", null),
            new(
                "the same, stored",
                Median(upgrades, r => r.Stored),
                "MB",
                Median(installs, r => r.Stored),
                "what the install stored",
                Aim: null
            ),
            MemoryRow("install: memory more", Median(installs, r => r.Growth), Median(installs, r => r.Before)),
        ];
    }

    /// <summary>How much more memory the agent takes while it installs a bundle.</summary>
    public static async Task<Row> MeasureMemoryAsync(
        TestBed bed,
        string bundle,
        ImageArchive image,
        CancellationToken ct
    )
    {
        await ForgetAsync(bed, [image], ct);
        Round round;
        await using (var agent = await StartAsync(bed, ct))
            round = await UpgradeAsync(bed, agent, bundle, ct);
        await ForgetAsync(bed, [image], ct);
        return MemoryRow($"install, {Bundling.Size(bundle)}: memory more", round.Growth, round.Before);
    }

    private static Row MemoryRow(string what, double growth, double before) =>
        new(what, growth, "MB", before, "resident before, when idle", Memory);

    private static async Task<AgentProcess> StartAsync(TestBed bed, CancellationToken ct)
    {
        var agent = AgentProcess.Start(bed, "install");
        await agent.UntilAnswerAsync(ct);
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, ct);
        return agent;
    }

    private static async Task<Round> UpgradeAsync(TestBed bed, AgentProcess agent, string bundle, CancellationToken ct)
    {
        var stored = BytesIn(agent);
        var before = Figures.Memory(agent.Process).Resident;
        Figures.ForgetPeak(agent.Process);
        var command = new Command(
            bed.Program("appliancectl"),
            ["upgrade", "--bundle", bundle, "--yes", "--socket", agent.Socket]
        );
        var began = TimeProvider.System.GetUtcNow();
        await command.RunAsync(ct);
        var steps = await agent.StepsAsync(ct);
        return new Round(
            At("loaded"),
            At("committed"),
            before,
            Figures.PeakMemory(agent.Process) - before,
            (double)(BytesIn(agent) - stored) / (1024 * 1024)
        );

        double At(string phase) =>
            (steps.Last(s => s.Phase == phase).Time.ToDateTimeOffset() - began).TotalMilliseconds;
    }

    private static long BytesIn(AgentProcess agent) =>
        Directory.Exists(agent.Data)
            ? new DirectoryInfo(agent.Data)
                .EnumerateDirectories("content")
                .SelectMany(d => d.EnumerateFiles("*", SearchOption.AllDirectories))
                .Sum(f => f.Length)
            : 0;

    /// <summary>Nothing is installed, and the engine has none of the images: a layer that it kept would cost nothing.</summary>
    private static async Task ForgetAsync(TestBed bed, IReadOnlyList<ImageArchive> images, CancellationToken ct)
    {
        await bed.ClearAsync(ct);
        foreach (var image in images)
        {
            try
            {
                await bed.Engine.Images.RemoveAsync(image.Id, force: true, ct);
            }
            catch (Docker.EngineNotFoundException)
            {
                // Not loaded in this round.
            }
        }
        Directory.Delete(bed.Folder("install"), recursive: true);
        await Bundling.SettleAsync(ct);
    }

    private static double Median(IEnumerable<Round> rounds, Func<Round, double> figure) =>
        Figures.Median(rounds.Select(figure));

    // Milliseconds, and then megabytes.
    private sealed record Round(double Loaded, double Committed, double Before, double Growth, double Stored);
}
