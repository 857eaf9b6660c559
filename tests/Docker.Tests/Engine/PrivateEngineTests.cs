using System.Net.NetworkInformation;
using Appliance.Testing;

namespace Appliance.Docker.Tests.Engine;

public sealed class PrivateEngineTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_engines_do_not_collide_and_leave_nothing()
    {
        string folder;
        int container;
        int engine;
        string bridge;
        await using (var first = await PrivateEngine.StartAsync(Ct))
        await using (var second = await PrivateEngine.StartAsync(Ct))
        {
            folder = Path.GetDirectoryName(first.SocketPath)!;
            engine = first.Pid;
            await SharedEngine.Image.LoadIntoAsync(first.Client, Ct);
            var network = await first.Client.Networks.CreateAsync(new() { Name = "same" }, Ct);
            var other = await second.Client.Networks.CreateAsync(new() { Name = "same" }, Ct);
            Assert.NotEqual(await SubnetAsync(first.Client, network), await SubnetAsync(second.Client, other));
            bridge = $"br-{network[..12]}";
            Assert.Contains(bridge, Interfaces());

            var spec = new ContainerSpec
            {
                Image = SharedEngine.Image.Reference,
                HostConfig = new() { NetworkMode = "same" },
            };
            var created = await first.Client.Containers.CreateAsync("box", spec, Ct);
            await first.Client.Containers.StartAsync(created.Id, Ct);
            container = (await first.Client.Containers.InspectAsync(created.Id, Ct)).State.Pid;
            await first.KillAsync(Ct);
            Assert.True(Posix.Kill(container, 0));
        }
        Assert.False(Directory.Exists(folder));
        Assert.DoesNotContain(bridge, Interfaces());
        Assert.DoesNotContain(
            folder + "/",
            await File.ReadAllTextAsync("/proc/self/mountinfo", Ct),
            StringComparison.Ordinal
        );
        await Eventually.TrueAsync("no process is left", () => !Posix.Kill(engine, 0) && !Posix.Kill(container, 0), Ct);
    }

    private static IEnumerable<string> Interfaces() => NetworkInterface.GetAllNetworkInterfaces().Select(n => n.Name);

    private static async Task<string?> SubnetAsync(DockerEngine client, string network) =>
        (await client.Networks.InspectAsync(network, Ct)).Addresses.Config[0].Range;
}
