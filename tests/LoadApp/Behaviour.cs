using Grpc.HealthCheck;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Appliance.LoadApp;

/// <summary>How the application behaves at the moment: as its faults say, and as it was told since.</summary>
internal sealed class Behaviour
{
    private readonly Faults faults;
    private readonly HealthServiceImpl health;
    private readonly long started;
    private long answers;
    private volatile bool hanging;
    private volatile bool ready = true;

    public Behaviour(Faults faults, HealthServiceImpl health, TimeProvider clock)
    {
        this.faults = faults;
        this.health = health;
        Clock = clock;
        ErrorPercent = faults.ErrorPercent;
        started = clock.GetTimestamp();
    }

    public TimeProvider Clock { get; }

    public double ErrorPercent { get; set; }

    public bool IsReady
    {
        get => ready;
        set
        {
            ready = value;
            health.SetStatus("", value ? ServingStatus.Serving : ServingStatus.NotServing);
        }
    }

    /// <summary>Whether it takes connections and answers nothing, as a process in a deadlock does.</summary>
    public bool Hangs => hanging || (faults.HangAfter is { } after && Clock.GetElapsedTime(started) >= after);

    public void Hang() => hanging = true;

    public async Task AnswerAsync(HttpContext context, Func<HttpContext, Task> answer)
    {
        if (faults.Latency > TimeSpan.Zero)
            await Task.Delay(faults.Latency, Clock, context.RequestAborted);
        if (NextFails())
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            return;
        }
        await answer(context);
    }

    // Evenly spread and not at random: also few requests meet as many errors as were asked for.
    private bool NextFails()
    {
        var share = ErrorPercent / 100;
        var number = Interlocked.Increment(ref answers);
        return Math.Floor(number * share) > Math.Floor((number - 1) * share);
    }
}
