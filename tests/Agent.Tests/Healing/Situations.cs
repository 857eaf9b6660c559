using Appliance.Agent.Healing;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;

namespace Appliance.Agent.Tests.Healing;

/// <summary>What a ruling is made from, all well until a test says otherwise.</summary>
internal static class Situations
{
    public static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    public static readonly Hold Somebody = new(Now - TimeSpan.FromHours(1), null, "uid:0 (root)", "");

    public static Situation Well { get; } =
        new(
            Views.Of(Views.Service("web")),
            [],
            new Dictionary<int, string>(),
            Hold: null,
            UnderWay: null,
            HasPrevious: true,
            [],
            new Dictionary<Remedy, string>(),
            CanWrite: true,
            new HealingOptions { MayReboot = true },
            Now - TimeSpan.FromDays(30),
            Now
        );

    public static Situation WithEngine(this Situation s, bool hangs, TimeSpan since) =>
        s with
        {
            View = s.View with
            {
                Engine = Views.Reachable with
                {
                    Reachable = false,
                    Hangs = hangs,
                    Since = s.Now - since,
                    Error = "no answer",
                },
            },
        };

    public static Situation WithAilment(
        this Situation s,
        Cause cause,
        int tries,
        bool isPastRepair = false,
        string error = "",
        bool mayFallBack = false
    ) =>
        s with
        {
            View = s.View with
            {
                Release = new ReleaseView("demo", "2.0", "sha256:two") { MayFallBack = mayFallBack },
                Services =
                [
                    Views.Service("web", ServiceState.BackingOff, ready: 0) with
                    {
                        Ailments = [new Ailment(new Slot("web", 1), cause, tries, Rung.Restart, isPastRepair, error)],
                    },
                ],
            },
        };

    public static Situation WithProblem(this Situation s, Cause cause, TimeSpan since) =>
        s with
        {
            Problems = [(new MachineProblem(cause, $"the disk has {cause}"), s.Now - since)],
        };
}
