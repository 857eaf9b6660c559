namespace Appliance.Formats.Tests;

/// <summary>
/// The same checks on an OVA that was built: <c>APPLIANCE_OVA</c>, or artifacts/appliance/appliance.ova. Only when asked
/// for, because it takes a build: <c>Appliance.Formats.Tests -explicit only</c>.
/// </summary>
public sealed class BuiltOvaTests(BuiltOvaTests.Built built) : IClassFixture<BuiltOvaTests.Built>
{
    public static TheoryData<string> Checks => [.. OvaChecks.Names];

    [Theory(Explicit = true)]
    [MemberData(nameof(Checks))]
    public void An_importer_would_take_it(string check) => OvaChecks.Run(check, built.Ova);

    [Fact(Explicit = true)]
    public async Task Its_disk_is_sound() =>
        await Tool.RunAsync("qemu-img", ["check", "-f", "vmdk", built.Ova.DiskPath]);

    [Fact(Explicit = true)]
    public async Task Virt_v2v_reads_it() =>
        await OvaTests.ReadWithVirtV2vAsync(Built.Path, (string)built.Ova.System.Element(Ova.Envelope + "Name")!);

    /// <summary>Opened when the first test asks, so that nothing is looked for when none runs.</summary>
    public sealed class Built : IDisposable
    {
        private readonly Lazy<Ova> ova = new(() =>
        {
            Assert.True(File.Exists(Path), $"there is no {Path}: run appliance/build.sh, or set APPLIANCE_OVA");
            return Ova.Open(Path);
        });

        public static string Path =>
            Environment.GetEnvironmentVariable("APPLIANCE_OVA")
            ?? System.IO.Path.Combine(Tool.Root, "artifacts", "appliance", "appliance.ova");

        internal Ova Ova => ova.Value;

        public void Dispose()
        {
            if (ova.IsValueCreated)
                ova.Value.Dispose();
        }
    }
}
