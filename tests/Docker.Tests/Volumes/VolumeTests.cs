namespace Appliance.Docker.Tests.Volumes;

public sealed class VolumeTests(SharedEngine shared) : EngineTest(shared)
{
    [Fact]
    public async Task A_volume_keeps_files_and_is_not_removed_while_used()
    {
        var made = await Client.Volumes.CreateAsync(new() { Name = Run, Labels = Labels }, Ct);
        Assert.Equal("local", made.Driver);
        var container = await StartAsync(
            Box("sh", "-c", "echo kept >/data/file") with
            {
                HostConfig = new() { NetworkMode = "none", Binds = [$"{Run}:/data"] },
            }
        );
        await Client.Containers.WaitAsync(container, WaitCondition.NotRunning, Ct);

        var seen = await Client.Volumes.InspectAsync(Run, Ct);
        Assert.Equal(Run, seen.Labels[Marker]);
        Assert.NotNull(seen.CreatedAt);
        Assert.Equal("kept\n", await File.ReadAllTextAsync(Path.Combine(seen.Mountpoint, "file"), Ct));
        Assert.Equal([Run], (await Client.Volumes.ListAsync(new() { Labels = [Label] }, Ct)).Select(v => v.Name));
        Assert.Empty(await Client.Volumes.ListAsync(new() { Labels = [Label], Dangling = true }, Ct));

        await Assert.ThrowsAsync<EngineConflictException>(() => Client.Volumes.RemoveAsync(Run, force: false, Ct));
        await Client.Containers.RemoveAsync(container, force: true, removeAnonymousVolumes: false, Ct);
        await Client.Volumes.RemoveAsync(Run, force: false, Ct);
        await Assert.ThrowsAsync<EngineNotFoundException>(() => Client.Volumes.InspectAsync(Run, Ct));
    }

    [Fact]
    public async Task Driver_options_arrive()
    {
        var options = new Dictionary<string, string>
        {
            ["type"] = "tmpfs",
            ["device"] = "tmpfs",
            ["o"] = "size=1m",
        };
        await Client.Volumes.CreateAsync(
            new()
            {
                Name = Run,
                Labels = Labels,
                DriverOpts = options,
            },
            Ct
        );
        Assert.Equal(options, (await Client.Volumes.InspectAsync(Run, Ct)).Options);
    }
}
