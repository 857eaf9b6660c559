using System.Diagnostics;
using Appliance.Docker;
using Appliance.Testing;

namespace Appliance.Load.Tests;

/// <summary>The application under load as it is shipped: published, in its image, in a container without any rights.</summary>
public sealed class ImageTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_image_takes_every_kind_of_request_and_ends_as_it_is_told()
    {
        using var folder = new ScratchFolder();
        await BuildAsync("2.0.0", folder.Path);
        await using var engine = await PrivateEngine.StartAsync(Cancelled);
        await using (var archive = File.OpenRead(folder["images/web.tar"]))
            await engine.Client.Images.LoadAsync(archive, progress: null, Cancelled);
        await engine.Client.Networks.CreateAsync(new() { Name = "load" }, Cancelled);
        var container = await engine.Client.Containers.CreateAsync(
            "load-web-1",
            new()
            {
                Image = "load/web:2.0.0",
                HostConfig = new()
                {
                    NetworkMode = "load",
                    CapDrop = ["ALL"],
                    ReadonlyRootfs = true,
                    SecurityOpt = ["no-new-privileges"],
                },
            },
            Cancelled
        );
        await engine.Client.Containers.StartAsync(container.Id, Cancelled);
        var inspected = await engine.Client.Containers.InspectAsync(container.Id, Cancelled);
        var url = new Uri($"http://{inspected.NetworkSettings.Networks["load"].IPAddress}:8080");
        using var browser = new HttpClient { BaseAddress = url };
        await Eventually.TrueAsync("it answers", AnswersAsync, Cancelled, TimeSpan.FromMinutes(1));

        var options = new LoadOptions
        {
            Target = url,
            Rate = 100,
            LongRequests = 2,
            LongTime = TimeSpan.FromSeconds(2),
            WebSockets = 2,
            Timeout = TimeSpan.FromSeconds(30),
        };
        await using var run = await LoadRun.StartAsync(options, TimeProvider.System, Cancelled);
        await Eventually.TrueAsync(
            "every kind of request but HTTP/2 has ended",
            () => run.Report().Phases[0].Kinds.Count == 6,
            Cancelled,
            TimeSpan.FromMinutes(1)
        );
        var report = await run.StopAsync(Cancelled);
        Assert.True(report.Failed == 0, report.ToString());
        Assert.Equal(["2.0.0"], report.Phases[0].Versions.Keys);

        var exit = engine.Client.Containers.WaitAsync(container.Id, WaitCondition.NotRunning, Cancelled);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() =>
            browser.PostAsync(new Uri("/exit?code=7", UriKind.Relative), null, Cancelled)
        );
        Assert.Equal(7, (await exit).ExitCode);

        async Task<bool> AnswersAsync(CancellationToken ct)
        {
            try
            {
                return await browser.GetStringAsync(new Uri("/healthz", UriKind.Relative), ct) == "ok";
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
    }

    private static async Task BuildAsync(string version, string into)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Agent.sln")))
            root = root.Parent ?? throw new InvalidOperationException("the tests run outside of their repository");
        var script = Path.Combine(root.FullName, "tests/LoadApp/build.sh");
        var start = new ProcessStartInfo(script, [version, into]) { RedirectStandardError = true };
        using var build = Process.Start(start) ?? throw new InvalidOperationException($"{script} did not start");
        var said = await build.StandardError.ReadToEndAsync(Cancelled);
        await build.WaitForExitAsync(Cancelled);
        Assert.True(build.ExitCode == 0, said);
    }
}
