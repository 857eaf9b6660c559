using Appliance.Agent.Host;
using Appliance.Agent.Tests.Storage;
using Appliance.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Agent.Tests.Host;

public sealed class StateReturnTests : IDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly SmallDisk disk;
    private readonly AgentLifetime lifetime = new();

    public StateReturnTests() => disk = new SmallDisk(folder["disk"], 512);

    public void Dispose()
    {
        lifetime.Dispose();
        disk.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task An_agent_that_could_not_open_its_state_ends_once_it_can_and_the_next_one_has_it()
    {
        var ct = TestContext.Current.CancellationToken;
        var scratch = new ScratchState(Path.Combine(disk.Path, "state"));
        using (var before = scratch.Open())
            before.Wishes.Stop("web", "uid:0 (root)", "maintenance");
        // In the way of the file: what an administrator's hand, or a mount that came late, can leave.
        var aside = scratch.File + ".aside";
        File.Move(scratch.File, aside);
        Directory.CreateDirectory(scratch.File);
        using (var state = scratch.Open())
        {
            using var back = Return(state, started: true, scratch.Clock);
            await back.StartAsync(ct);
            Assert.False(state.Database.CanBeOpened());
            Assert.False(lifetime.ApplicationStopping.IsCancellationRequested);

            Directory.Delete(scratch.File);
            File.Move(aside, scratch.File);
            await Eventually.TrueAsync(
                "the agent ends",
                () =>
                {
                    scratch.Clock.Advance(StateReturn.First);
                    return lifetime.ApplicationStopping.IsCancellationRequested;
                },
                ct
            );
        }

        using var again = scratch.Open();
        Assert.Equal("maintenance", again.Wishes.Of("web")?.Reason);
    }

    [Fact]
    public async Task It_goes_on_in_memory_where_nobody_would_start_it_again()
    {
        var ct = TestContext.Current.CancellationToken;
        disk.Fill();
        var scratch = new ScratchState(Path.Combine(disk.Path, "state"));
        using var state = scratch.Open();
        Assert.NotNull(state.Database.NotDurableBecause);
        using var back = Return(state, started: false, scratch.Clock);
        await back.StartAsync(ct);
        await back.ExecuteTask!.WaitAsync(ct);
        Assert.False(lifetime.ApplicationStopping.IsCancellationRequested);
    }

    private StateReturn Return(OpenState state, bool started, TimeProvider clock) =>
        new(
            state.Database,
            new SystemdEnvironment(started ? "/run/notify" : null, null),
            lifetime,
            clock,
            NullLogger<StateReturn>.Instance
        );

    private sealed class AgentLifetime : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource stopping = new();

        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => stopping.Token;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => stopping.Cancel();

        public void Dispose() => stopping.Dispose();
    }
}
