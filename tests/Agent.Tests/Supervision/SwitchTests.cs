using Appliance.Agent.Content;
using Appliance.Agent.Health;
using Appliance.Agent.Host;
using Appliance.Agent.Sources;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Content;
using Appliance.Agent.Tests.Running;
using Appliance.Bundles.Releases;
using Appliance.Docker;
using Appliance.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>A release is exchanged on a real engine, while the supervisor runs.</summary>
public sealed class SwitchTests(SharedEngine shared) : IAsyncLifetime
{
    private readonly string project = $"s{Guid.NewGuid():N}"[..9];
    private readonly ScratchContent content = new();
    private ServiceProvider? services;

    private Supervisor Supervisor => services!.GetRequiredService<Supervisor>();

    private MountedFiles Files => services!.GetRequiredService<MountedFiles>();

    private DockerEngine Engine => shared.Engine.Client;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var settings = new Dictionary<string, string?>
        {
            ["storage:DataDirectory"] = content.Folder,
            ["engine:Endpoint"] = shared.Engine.Endpoint,
        };
        services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IHostApplicationLifetime, ApplicationLifetime>()
            .AddStorage()
            .AddHost()
            .AddDockerEngine()
            .AddSources()
            .AddContent()
            .AddSupervision()
            .AddHealth()
            .AddLogging(l => l.ClearProviders())
            .BuildServiceProvider();
        await Supervisor.StartAsync(Ct);
    }

    public async ValueTask DisposeAsync()
    {
        Supervisor.Run(new RunningRelease(SampleRelease.Nothing(project)));
        await Eventually.TrueAsync("all is gone", async ct => await ContainersAsync(ct) is [], default);
        await Supervisor.StopAsync(default);
        await services!.DisposeAsync();
        content.Dispose();
    }

    [Fact]
    public async Task Only_what_differs_is_touched_service_by_service_and_the_way_back_is_the_same()
    {
        var (one, two) = (await ImageAsync("app:1", "one"), await ImageAsync("app:2", "two"));
        // The same image under another tag.
        var renamed = one with
        {
            Reference = $"{project}/app:1-again",
        };
        var old = await ReleaseAsync(
            "1.0.0",
            $$"""
            services:
              changed: {image: "{{one.Reference}}", stop_grace_period: 0s, configs: [conf]}
              untouched: {image: "{{one.Reference}}", stop_grace_period: 0s, volumes: ["data:/data"]}
              removed: {image: "{{one.Reference}}", stop_grace_period: 0s}
            volumes: {data: {} }
            configs: {conf: {file: conf.ini} }
            """,
            [one],
            ("conf.ini", "old")
        );
        var next = await ReleaseAsync(
            "2.0.0",
            $$"""
            services:
              changed: {image: "{{two.Reference}}", stop_grace_period: 0s, configs: [conf], depends_on: [added]}
              untouched: {image: "{{renamed.Reference}}", stop_grace_period: 0s, volumes: ["data:/data"]}
              added: {image: "{{two.Reference}}", stop_grace_period: 0s}
            volumes: {data: {} }
            configs: {conf: {file: conf.ini} }
            """,
            [renamed, two],
            ("conf.ini", "new")
        );
        Supervisor.Run(new RunningRelease(old));
        await PassAsync(old, "changed", "untouched", "removed");
        var before = await InspectAsync("changed");
        var kept = await InspectAsync("untouched");

        var switched = new HashSet<string> { "untouched" };
        foreach (var service in (string[])["added", "changed", "removed"])
        {
            switched.Add(service);
            Supervisor.Run(new RunningRelease(old, next, switched.ToHashSet()));
            // What it was before is never told of what it is to be.
            if (service != "removed")
            {
                var told = Supervisor.View.Service(service)!;
                Assert.Equal(Supervisor.HashesOf(next)[service], told.ConfigHash);
                Assert.True(
                    told.State is not ServiceState.Running || (await InspectAsync(service)).ImageId == two.Config.Digest
                );
                await PassAsync(next, service);
            }
            Assert.Equal(service == "removed", Supervisor.View.Service("removed") is null);
        }
        Supervisor.Run(new RunningRelease(next));
        await PassAsync(next, "added", "changed", "untouched");
        await Eventually.TrueAsync(
            "the removed one is gone, and the replaced one",
            async ct => (await ContainersAsync(ct)).Count == 3,
            Ct
        );

        var after = await InspectAsync("changed");
        Assert.NotEqual(before.Id, after.Id);
        Assert.Equal(two.Config.Digest, after.ImageId);
        Assert.Equal("new", await File.ReadAllTextAsync(Assert.Single(after.Mounts).Source, Ct));
        await AssertUntouchedAsync(kept);
        await Eventually.TrueAsync(
            "both tags are there for people",
            async ct => (await Engine.Images.InspectAsync(one.Config.Digest, ct)).RepoTags.Contains(renamed.Reference),
            Ct
        );

        Files.Collect([next]);
        Assert.True(File.Exists(after.Mounts[0].Source));
        Assert.False(File.Exists(before.Mounts[0].Source));

        Supervisor.Run(new RunningRelease(old));
        await PassAsync(old, "changed", "untouched", "removed");
        var back = await InspectAsync("changed");
        Assert.Equal(one.Config.Digest, back.ImageId);
        Assert.Equal("old", await File.ReadAllTextAsync(Assert.Single(back.Mounts).Source, Ct));
        await AssertUntouchedAsync(kept);
    }

    [Fact]
    public async Task A_new_definition_that_fails_is_not_held_against_the_old_one()
    {
        var image = await ImageAsync("app:1", "one");
        var old = await ReleaseAsync("1.0.0", Web(image, "sleep 1000000"), [image]);
        var broken = await ReleaseAsync("2.0.0", Web(image, "exit 3"), [image]);
        Supervisor.Run(new RunningRelease(old));
        await PassAsync(old, "web");

        Supervisor.Run(new RunningRelease(old, broken, new HashSet<string> { "web" }));
        await Eventually.TrueAsync(
            "it fails again and again",
            () => Supervisor.View.Service("web") is { State: ServiceState.BackingOff, Restarts: > 1 },
            Ct
        );

        Supervisor.Run(new RunningRelease(old));
        await PassAsync(old, "web");
        // Its own, from where the other one had stopped it.
        Assert.InRange(Supervisor.View.Service("web")!.Restarts, 0, 1);
    }

    private static string Web(ReleaseImage image, string script) =>
        $$"""services: {web: {image: "{{image.Reference}}", stop_grace_period: 0s, command: [sh, -c, "{{script}}"] } }""";

    private Task PassAsync(Release release, params string[] names)
    {
        var hashes = Supervisor.HashesOf(release);
        return Eventually.TrueAsync(
            $"{string.Join(", ", names)} run as {release.Version} has them",
            () =>
                names.All(n =>
                    Supervisor.View.Service(n) is { State: ServiceState.Running } s && s.ConfigHash == hashes[n]
                ),
            Ct,
            TimeSpan.FromSeconds(40)
        );
    }

    private async Task AssertUntouchedAsync(ContainerInspection kept)
    {
        var now = await InspectAsync("untouched");
        Assert.Equal((kept.Id, kept.State.StartedAt), (now.Id, now.State.StartedAt));
    }

    private Task<ContainerInspection> InspectAsync(string service) =>
        Engine.Containers.InspectAsync($"{project}-{service}-1", Ct);

    private Task<IReadOnlyList<ContainerSummary>> ContainersAsync(CancellationToken ct) =>
        Engine.Containers.ListAsync(new ContainerQuery { All = true, Labels = [$"appliance.project={project}"] }, ct);

    private async Task<ReleaseImage> ImageAsync(string tag, string text) =>
        await content.StoreAsync(
            BusyboxImage.Build(
                new ImageRecipe
                {
                    Reference = $"{project}/{tag}",
                    Cmd = ["sleep", "1000000"],
                    Files = new Dictionary<string, string> { ["etc/which"] = text },
                }
            )
        );

    private async Task<Release> ReleaseAsync(
        string version,
        string compose,
        IReadOnlyList<ReleaseImage> images,
        params (string Path, string Text)[] files
    )
    {
        var stored = await content.ReleaseAsync($"name: {project}\n{compose}\n", images, version, files);
        return await content.OpenAsync(stored with { Document = stored.Document with { Product = project } });
    }
}
