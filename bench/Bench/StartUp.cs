namespace Appliance.Bench;

/// <summary>From exec to the first gRPC answer, of an agent whose one container runs already.</summary>
internal static class StartUp
{
    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var rounds = bed.Quick ? 3 : 15;
        await using (var first = await AgentProcess.StartInstalledAsync(bed, "start", 1, TestBed.Sleeper, ct))
            await first.UntilWellAsync(ct);

        var agent = await Figures.MedianAsync(
            rounds,
            async () =>
            {
                await using var process = AgentProcess.Start(bed, "start");
                return await process.UntilAnswerAsync(ct);
            }
        );
        var floor = await Figures.MedianAsync(
            rounds,
            async () =>
            {
                await using var process = EmptyWeb.Start(bed);
                return await process.UntilAnswerAsync(ct);
            }
        );
        return [new("start-up to the first answer", agent, "ms", floor, "an empty ASP.NET Core app", Aim: null)];
    }
}
