using Appliance.Agent.Health;
using Appliance.Agent.Tests.Running;
using Appliance.Bundles.Compose;
using Appliance.Docker;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Health;

public sealed class ExecCheckTests(SharedEngine shared)
{
    private static readonly BusyboxImage Image = BusyboxImage.Build(
        new() { Reference = "test/exec-check:1", Cmd = ["sleep", "1000"] }
    );

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private DockerEngine Client => shared.Engine.Client;

    [Fact]
    public async Task While_a_command_hangs_there_is_no_other()
    {
        await Image.LoadIntoAsync(Client, Ct);
        var container = await Client.Containers.CreateAsync(
            $"exec-check-{Guid.NewGuid():n}",
            new()
            {
                Image = Image.Reference,
                HostConfig = new() { NetworkMode = "none", Init = true },
            },
            Ct
        );
        try
        {
            await Client.Containers.StartAsync(container.Id, Ct);
            var probe = new ExecProbe(
                ["sh", "-c", "echo once >> /runs; while [ ! -e /go ]; do sleep 0.05; done"],
                ProbeTiming.Default with
                {
                    Timeout = TimeSpan.FromSeconds(2),
                }
            );
            var check = new ExecCheck(probe, container.Id, Client, TimeProvider.System);

            Assert.Equal(ProbeResult.Late("no end within 2 s"), await check.CheckAsync(Ct));
            for (var i = 0; i < 3; i++)
                Assert.False((await check.CheckAsync(Ct)).Healthy);
            Assert.Equal("once\n", await InsideAsync(container.Id, "cat", "/runs"));

            await InsideAsync(container.Id, "touch", "/go");
            await Eventually.TrueAsync("it is well", async ct => (await check.CheckAsync(ct)).Healthy, Ct);
            Assert.Equal("once\nonce\n", await InsideAsync(container.Id, "cat", "/runs"));
        }
        finally
        {
            await Client.Containers.RemoveAsync(
                container.Id,
                force: true,
                removeAnonymousVolumes: true,
                CancellationToken.None
            );
        }
    }

    private async Task<string> InsideAsync(string container, params string[] command) =>
        (await Client.Containers.ExecAsync(container, new() { Command = command }, 1000, Ct)).Stdout;
}
