namespace Appliance.Bench;

/// <summary>What it takes to find out that something is not well, and to make it so.</summary>
internal static class Healing
{
    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var answering = await Answering.MeasureAsync(bed, ct);
        await bed.ClearAsync(ct);
        return [.. answering, .. await Probing.MeasureAsync(bed, ct)];
    }
}
