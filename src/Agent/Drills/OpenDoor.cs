namespace Appliance.Agent.Drills;

/// <summary>A door at which is asked, or the reason for which nobody does.</summary>
/// <param name="WhyNot">Why nobody asks; null: somebody does.</param>
internal sealed record OpenDoor(Door? Door, Asking? Asking, string? WhyNot) : IAsyncDisposable
{
    /// <summary>Whoever is served is so for more than one request.</summary>
    public static readonly TimeSpan Steadily = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan UntilAnswered = TimeSpan.FromSeconds(5);

    /// <summary>Begins to ask, and counts once there are answers.</summary>
    /// <param name="isSure">False: answers may come later.</param>
    public static async Task<OpenDoor> OpenAsync(
        Door? door,
        DrillsOptions options,
        bool isSure,
        TimeProvider clock,
        CancellationToken ct
    )
    {
        if (door is null)
            return new OpenDoor(null, null, "no requests were counted: the service is not reached from outside");
        var asking = new Asking(door, options, clock);
        var from = clock.GetTimestamp();
        while (isSure && clock.GetElapsedTime(from) < UntilAnswered)
        {
            if (asking.Tally.AnsweredSince is { } since && clock.GetElapsedTime(since) >= Steadily)
                return new OpenDoor(door, asking, null);
            await Task.Delay(Between, clock, ct);
        }
        if (!isSure)
            return new OpenDoor(door, asking, null);
        await asking.DisposeAsync();
        return new OpenDoor(null, null, $"no requests were counted: {door} did not answer before");
    }

    public void Begin() => Asking?.Begin();

    public ValueTask DisposeAsync() => Asking?.DisposeAsync() ?? ValueTask.CompletedTask;
}
