using System.Diagnostics;
using Appliance.Testing;

namespace Bundles.Tests.Packaging;

/// <summary>Unpacked, a bundle is an OCI layout to tools that have never heard of us.</summary>
[Trait("Category", "Long")]
public sealed class OtherToolsTests(SampleBundle sample) : IClassFixture<SampleBundle>, IDisposable
{
    private readonly ScratchFolder scratch = new();

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task Skopeo_reads_an_unpacked_bundle()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/skopeo"), "skopeo is not installed");
        await UnpackAsync();

        Assert.Contains(
            "\"Layers\"",
            await RunAsync("skopeo", "inspect", $"oci:{scratch.Path}/un:demo/web:2.0.0"),
            StringComparison.Ordinal
        );
        var index = await RunAsync("skopeo", "inspect", "--raw", $"oci:{scratch.Path}/un:2.0.0");
        Assert.Contains("application/vnd.appliance.release.v1", index, StringComparison.Ordinal);
        await RunAsync(
            "skopeo",
            "copy",
            "--quiet",
            "--insecure-policy",
            $"oci:{scratch.Path}/un:demo/counter:2.0.0",
            $"docker-archive:{scratch["copy.tar"]}:demo/counter:2.0.0"
        );
    }

    private async Task UnpackAsync()
    {
        await File.WriteAllBytesAsync(scratch["bundle"], sample.Bytes, TestContext.Current.CancellationToken);
        Directory.CreateDirectory(scratch["un"]);
        await RunAsync("tar", "--extract", $"--file={scratch["bundle"]}", $"--directory={scratch["un"]}");
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await errors);
        return await output;
    }
}
