using System.Text;

namespace Appliance.EndToEnd;

public sealed class ShippedTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_agent_that_is_shipped_cannot_be_told_to_stop_or_die_somewhere()
    {
        Assert.False(await HasFailpointsAsync("bin"), "the shipped agent has failpoints");
        // Where they are, they are found.
        Assert.True(await HasFailpointsAsync("test-bin"), "the agent for tests has none");
    }

    private static async Task<bool> HasFailpointsAsync(string folder)
    {
        var program = Path.Combine(DevelopmentRun.Root, "artifacts", folder, "appliance-agent");
        Assert.True(File.Exists(program), $"{program} is missing: ./build.sh --for-tests");
        var bytes = await File.ReadAllBytesAsync(program, Ct);
        return bytes.AsSpan().IndexOf(Encoding.Unicode.GetBytes("APPLIANCE_TEST_FAILPOINTS")) >= 0;
    }
}
