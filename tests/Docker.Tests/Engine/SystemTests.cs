namespace Appliance.Docker.Tests.Engine;

public sealed class SystemTests(SharedEngine shared) : EngineTest(shared)
{
    [Fact]
    public async Task The_engine_says_who_it_is()
    {
        var ping = await Client.System.PingAsync(Ct);
        Assert.True(ping.EngineApi >= ApiVersion.Oldest);
        Assert.True(ping.SpokenApi <= ApiVersion.Newest);
        var version = await Client.System.VersionAsync(Ct);
        Assert.Equal(ping.EngineApi.ToString(), version.ApiVersion);
        var info = await Client.System.InfoAsync(Ct);
        Assert.Equal(version.Version, info.ServerVersion);
        Assert.True(info.LiveRestoreEnabled);
        Assert.Contains(info.Driver, (string[])["overlay2", "vfs"]);
        Assert.EndsWith("/data", info.DockerRootDir, StringComparison.Ordinal);
        Assert.Equal(Environment.ProcessorCount, info.Processors);
        Assert.True(info.MemoryBytes > 1 << 28);
    }

    [Fact]
    public async Task Disk_usage_counts_images_containers_and_volumes()
    {
        await Client.Volumes.CreateAsync(new() { Name = Run, Labels = Labels }, Ct);
        var container = await StartAsync(
            Box("sh", "-c", "head -c 100000 /dev/zero >/data/x; head -c 50000 /dev/zero >/y") with
            {
                HostConfig = new() { NetworkMode = "none", Binds = [$"{Run}:/data"] },
            }
        );
        await Client.Containers.WaitAsync(container, WaitCondition.NotRunning, Ct);
        var usage = await Client.System.DiskUsageAsync(Ct);
        Assert.True(usage.LayersSize > 1_000_000);
        Assert.Contains(usage.Images, i => i.Id == SharedEngine.Image.Id && i.Containers >= 1);
        Assert.Contains(usage.Containers, c => c.Id == container && c.Written >= 50000);
        Assert.Contains(usage.Volumes, v => v.Name == Run && v.UsageData is { Size: >= 100000, RefCount: 1 });
    }
}
