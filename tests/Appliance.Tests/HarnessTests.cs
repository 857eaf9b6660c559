using Appliance.Tests.Machines;

namespace Appliance.Tests;

[Trait("Category", "Long")]
public sealed class HarnessTests(ApplianceImage image) : IClassFixture<ApplianceImage>
{
    [Fact]
    public async Task A_command_on_the_guest_returns_its_exit_code_and_its_bytes()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var machine = await Machine.StartAsync(image.Overlay(), new(), ct);
        await machine.Console.LoginAsync(ct);
        var ran = await machine.Console.RunAsync("head -c 200000 /dev/zero; echo why >&2; exit 3", ct);
        Assert.Equal(3, ran.ExitCode);
        Assert.Equal(new byte[200000], ran.Output);
        Assert.Equal("why\n", ran.Errors);
    }
}
