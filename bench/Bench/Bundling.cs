namespace Appliance.Bench;

/// <summary>Making, verifying and installing a bundle whose image has one big layer, each round beside its floor.</summary>
internal static class Bundling
{
    private const long Megabyte = 1024 * 1024;

    private static readonly Aim Memory = new(50, TimesFloor: false);

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var size = (bed.Quick ? 32 : 256) * Megabyte;
        var image = await BigImage.MakeAsync(bed.Folder("image"), size, ct);
        var archive = await image.ArchiveAsync("1.0.0", ct);
        var next = await image.ArchiveAsync("2.0.0", ct);
        var rows = new List<Row>();
        var (first, making) = await MakeAsync(bed, archive, ct);
        rows.AddRange(making);
        rows.AddRange(await VerifyAsync(bed, first, ct));
        var second = await bed.BundleAsync("next", BigImage.Service(next), next.Path, ct);
        rows.AddRange(await Installation.MeasureAsync(bed, first, second, [archive, next], ct));
        if (!bed.Quick)
            rows.AddRange(await HugeAsync(bed, ct));
        return rows;
    }

    private static async Task<(string Bundle, IEnumerable<Row> Rows)> MakeAsync(
        TestBed bed,
        ImageArchive archive,
        CancellationToken ct
    )
    {
        var folder = bed.Folder("made");
        var (bundle, tar) = (Path.Combine(folder, "made.bundle"), Path.Combine(folder, "floor.tar"));
        string[] shell = ["-c", "out=$1; shift; tar cf \"$out\" \"$@\" && sha256sum \"$out\"", "sh", tar];
        var floorCommand = new Command("/bin/sh", [.. shell, .. archive.Parts]);
        var (ours, floor) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds(bed); round++)
        {
            File.Delete(tar);
            await SettleAsync(ct);
            floor.Add((await floorCommand.RunAsync(ct)).TotalMilliseconds);
            File.Delete(bundle);
            await SettleAsync(ct);
            ours.Add((await Create(bed, folder, archive, bundle).RunAsync(ct)).TotalMilliseconds);
        }
        File.Delete(tar);
        var peak = await Create(bed, folder, archive, bundle).PeakMemoryAsync(ct);
        return (
            bundle,
            [
                new(
                    $"bundle create, {Size(bundle)}",
                    Figures.Median(ours),
                    "ms",
                    Figures.Median(floor),
                    "tar and sha256sum of the same files",
                    Aim: null
                ),
                await GrowthAsync(bed, "bundle create", peak, ct),
            ]
        );
    }

    private static async Task<IEnumerable<Row>> VerifyAsync(TestBed bed, string bundle, CancellationToken ct)
    {
        var (ours, floor) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds(bed); round++)
        {
            floor.Add((await new Command("sha256sum", bundle).RunAsync(ct)).TotalMilliseconds);
            ours.Add((await Verify(bed, bundle).RunAsync(ct)).TotalMilliseconds);
        }
        return
        [
            new(
                $"bundle verify, {Size(bundle)}",
                Figures.Median(ours),
                "ms",
                Figures.Median(floor),
                "sha256sum",
                new Aim(1.2, TimesFloor: true)
            ),
            await GrowthAsync(bed, "bundle verify", await Verify(bed, bundle).PeakMemoryAsync(ct), ct),
        ];
    }

    /// <summary>Memory again, with a bundle that would not fit where the other one may have.</summary>
    private static async Task<IEnumerable<Row>> HugeAsync(TestBed bed, CancellationToken ct)
    {
        var place = bed.Folder("huge");
        var archive = await (await BigImage.MakeAsync(place, 4096 * Megabyte, ct)).ArchiveAsync("4.0.0", ct);
        var bundle = Path.Combine(bed.Folder("huge-made"), "huge.bundle");
        var made = await Create(bed, bed.Folder("huge-made"), archive, bundle).PeakMemoryAsync(ct);
        Directory.Delete(place, recursive: true);
        var rows = new List<Row>
        {
            await GrowthAsync(bed, $"bundle create, {Size(bundle)}", made, ct),
            await GrowthAsync(bed, $"bundle verify, {Size(bundle)}", await Verify(bed, bundle).PeakMemoryAsync(ct), ct),
        };
        rows.Add(await Installation.MeasureMemoryAsync(bed, bundle, archive, ct));
        return rows;
    }

    private static async Task<Row> GrowthAsync(TestBed bed, string what, double peak, CancellationToken ct)
    {
        var floor = await new Command(bed.Program("appliancectl"), "--version").PeakMemoryAsync(ct);
        return new($"{what}: memory more", peak - floor, "MB", floor, "the peak of appliancectl --version", Memory);
    }

    private static Command Create(TestBed bed, string folder, ImageArchive archive, string bundle) =>
        bed.Signer.Create(bed.Signer.WriteCompose(folder, BigImage.Service(archive)), archive.Path, bundle);

    private static Command Verify(TestBed bed, string bundle) => bed.Signer.Verify(bundle);

    // What one round wrote is not to burden the next.
    internal static Task SettleAsync(CancellationToken ct) => new Command("sync").RunAsync(ct);

    internal static int Rounds(TestBed bed) => bed.Quick ? 1 : 5;

    internal static string Size(string file) => $"{new FileInfo(file).Length / Megabyte} MB";
}
