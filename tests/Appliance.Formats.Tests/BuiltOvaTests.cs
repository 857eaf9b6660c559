namespace Appliance.Formats.Tests;

/// <summary>
/// The same checks on an OVA that was built: <c>APPLIANCE_OVA</c>, or artifacts/appliance/appliance.ova. Only when asked
/// for, because it takes a build: <c>Appliance.Formats.Tests -explicit only</c>.
/// </summary>
public sealed class BuiltOvaTests
{
    public static TheoryData<string> Checks => [.. OvaChecks.Names];

    private static string Built
    {
        get
        {
            var path =
                Environment.GetEnvironmentVariable("APPLIANCE_OVA")
                ?? Path.Combine(Tool.Root, "artifacts", "appliance", "appliance.ova");
            Assert.True(File.Exists(path), $"there is no {path}: run appliance/build.sh, or set APPLIANCE_OVA");
            return path;
        }
    }

    [Theory(Explicit = true)]
    [MemberData(nameof(Checks))]
    public void An_importer_would_take_it(string check)
    {
        using var ova = Ova.Open(Built);
        OvaChecks.Run(check, ova);
    }

    [Fact(Explicit = true)]
    public async Task Its_disk_is_sound()
    {
        using var ova = Ova.Open(Built);
        await Tool.RunAsync("qemu-img", ["check", "-f", "vmdk", ova.DiskPath]);
    }

    [Fact(Explicit = true)]
    public async Task Virt_v2v_reads_it()
    {
        using var ova = Ova.Open(Built);
        await OvaTests.ReadWithVirtV2vAsync(Built, (string)ova.System.Element(Ova.Envelope + "Name")!);
    }
}
