using Appliance.Agent.Tests.Running;
using Appliance.Testing;

[assembly: AssemblyFixture(typeof(SharedEngine))]

namespace Appliance.Agent.Tests.Running;

/// <summary>One engine for the tests that leave it running; those that kill an engine start their own.</summary>
public sealed class SharedEngine : IAsyncLifetime
{
    private PrivateEngine? engine;

    public PrivateEngine Engine => engine ?? throw new InvalidOperationException("not started");

    public async ValueTask InitializeAsync() => engine = await PrivateEngine.StartAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        if (engine is not null)
            await engine.DisposeAsync();
    }
}
