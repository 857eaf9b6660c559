using Appliance.Agent.Health;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Health;

/// <summary>What wakes the one that keeps the watches.</summary>
public sealed class ProberTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_watch_that_has_nothing_to_ask_any_more_ends_no_wait()
    {
        await using var server = await ProbedServer.StartAsync(_ => Task.CompletedTask);
        using var http = HttpCheck.CreateClient();
        await using var watch = new ContainerWatch(
            new ProbeTarget(
                "web",
                "id",
                "web-1",
                default,
                ProbedServer.Address,
                [server.HttpProbe() with { Role = ProbeRole.Startup }]
            ),
            p => new HttpCheck((HttpProbe)p, ProbedServer.Address, http, TimeProvider.System),
            TimeProvider.System,
            _ => { },
            Ct
        );
        await watch.Run.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, Ct);
        var changed = new TaskCompletionSource();

        var news = Prober.NewsAsync(changed.Task, [watch.Run]);
        Assert.False(news.IsCompleted);
        changed.SetResult();
        await news;
    }

    [Fact]
    public async Task A_watch_that_fails_is_not_passed_over() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Prober.NewsAsync(
                new TaskCompletionSource().Task,
                [Task.CompletedTask, Task.FromException(new InvalidOperationException())]
            )
        );
}
