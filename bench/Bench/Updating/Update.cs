namespace Appliance.Bench.Updating;

/// <summary>What an upgrade takes apart from its images: the exchange, the looking before it, and the keeping of data.</summary>
internal static class Update
{
    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var rows = new List<Row>(await OneOfFive.MeasureAsync(bed, ct));
        await bed.ClearAsync(ct);
        rows.AddRange(await ManyVolumes.MeasureAsync(bed, ct));
        await bed.ClearAsync(ct);
        rows.AddRange(await MuchData.MeasureAsync(bed, ct));
        return rows;
    }
}
