using System.Net;

namespace Appliance.Docker.Tests.Networks;

public sealed class NetworkTests(SharedEngine shared) : EngineTest(shared)
{
    [Fact]
    public async Task A_network_is_as_it_was_asked_for()
    {
        var spec = new NetworkSpec
        {
            Name = Run,
            Internal = true,
            Attachable = true,
            Labels = Labels,
            Addresses = new()
            {
                Config =
                [
                    new()
                    {
                        Range = "198.51.100.0/24",
                        HandedOut = "198.51.100.128/25",
                        Gateway = "198.51.100.1",
                    },
                ],
            },
            Options = new Dictionary<string, string> { ["com.docker.network.bridge.enable_icc"] = "true" },
        };
        var id = await Client.Networks.CreateAsync(spec, Ct);
        var seen = await Client.Networks.InspectAsync(Run, Ct);
        Assert.Equal(id, seen.Id);
        Assert.Equal("bridge", seen.Driver);
        Assert.True(seen.Internal);
        Assert.True(seen.Attachable);
        Assert.False(seen.EnableIPv6);
        Assert.Equal(spec.Addresses.Config, seen.Addresses.Config);
        Assert.Equal(spec.Options, seen.Options);
        Assert.Equal(Run, seen.Labels[Marker]);
        Assert.NotNull(seen.Created);

        await Assert.ThrowsAsync<EngineConflictException>(() => Client.Networks.CreateAsync(spec, Ct));
        Assert.Equal([id], (await Client.Networks.ListAsync(new() { Names = [Run] }, Ct)).Select(n => n.Id));
        Assert.Equal([id], (await Client.Networks.ListAsync(new() { Labels = [Label] }, Ct)).Select(n => n.Id));
        await Client.Networks.RemoveAsync(Run, Ct);
        await Assert.ThrowsAsync<EngineNotFoundException>(() => Client.Networks.InspectAsync(Run, Ct));
    }

    [Fact]
    public async Task Containers_find_each_other_by_alias_and_keep_fixed_addresses()
    {
        var subnet = new Subnet { Range = "203.0.113.0/24" };
        await Client.Networks.CreateAsync(
            new()
            {
                Name = Run,
                Labels = Labels,
                Addresses = new() { Config = [subnet] },
            },
            Ct
        );
        var other = await Client.Networks.CreateAsync(new() { Name = Run + "-other", Labels = Labels }, Ct);
        var server = await StartAsync(
            Box() with
            {
                HostConfig = new() { NetworkMode = Run },
                NetworkingConfig = new()
                {
                    EndpointsConfig = new Dictionary<string, EndpointSettings>
                    {
                        [Run] = new()
                        {
                            Aliases = ["db"],
                            Addresses = new() { IPv4Address = "203.0.113.77" },
                        },
                    },
                },
            },
            "-server"
        );
        var client = await StartAsync(Box(), "-client");
        await Client.Networks.DisconnectAsync("none", client, force: false, Ct);
        await Client.Networks.ConnectAsync(Run, client, new() { Aliases = ["front"] }, Ct);
        await Client.Networks.ConnectAsync(other, client, endpoint: null, Ct);

        var networks = (await Client.Containers.InspectAsync(server, Ct)).NetworkSettings.Networks;
        Assert.Equal("203.0.113.77", networks[Run].IPAddress);
        Assert.Contains("db", networks[Run].Aliases!);
        Assert.Equal(2, (await Client.Networks.InspectAsync(Run, Ct)).Containers.Count);

        var found = await Client.Containers.ExecAsync(client, new() { Command = ["nslookup", "db"] }, 4096, Ct);
        Assert.Contains("203.0.113.77", found.Stdout, StringComparison.Ordinal);

        var busy = await Assert.ThrowsAsync<DockerEngineException>(() => Client.Networks.RemoveAsync(Run, Ct));
        Assert.Equal(HttpStatusCode.Forbidden, busy.StatusCode);
        await Client.Networks.DisconnectAsync(other, client, force: true, Ct);
        Assert.Empty((await Client.Networks.InspectAsync(other, Ct)).Containers);
    }
}
