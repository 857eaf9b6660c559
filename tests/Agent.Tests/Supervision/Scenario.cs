using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>A release, an engine and a past, as a planner case states them.</summary>
internal sealed class Scenario
{
    public static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    private static readonly Blob Config = new("sha256:image", 1);
    private static readonly ReleaseImage Image = new("image:1", Config, Config, []);

    private readonly List<DesiredService> services = [];
    private readonly List<ObservedContainer> containers = [];
    private readonly HashSet<string> seen = [];

    public Dictionary<string, StopWish> Stopped { get; } = [];
    public Dictionary<string, RestartRecord> Restarts { get; } = [];
    public Dictionary<string, Completion> Completions { get; } = [];
    public Dictionary<string, HealthVerdict> Verdicts { get; } = [];
    public Dictionary<Slot, string> Asked { get; } = [];
    public Dictionary<string, Step> InFlight { get; } = [];
    public Traffic Traffic { get; set; } = Traffic.None;
    public Dictionary<string, DateTimeOffset> LeavingSince { get; } = [];
    public Dictionary<string, DateTimeOffset> ReadySince { get; } = [];
    public Dictionary<string, StepFailure> Failures { get; } = [];
    public Dictionary<string, ObservedNetwork> Networks { get; } =
        new() { ["app_default"] = new ObservedNetwork("net1", "app_default", "nethash", true) };
    public HashSet<Slot> AskedAnew { get; } = [];
    public Dictionary<Slot, Flap> Flapping { get; } = [];
    public Care Care { get; set; } = Care.Default;
    public Hold? Hold { get; set; }
    public string? UnderWay { get; set; }
    public List<RungRecord> Spent { get; } = [];
    public DateTimeOffset BootedAt { get; set; } = Now.AddDays(-30);
    public HashSet<string> Images { get; } = ["sha256:image"];
    public Dictionary<string, string> Tags { get; } = new() { ["image:1"] = "sha256:image" };

    public static Backoff Backoff { get; } =
        new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(60));

    public Scenario Service(
        string name,
        RestartRule restart = RestartRule.Always,
        int replicas = 1,
        bool probed = false,
        string hash = "hash",
        params (string Service, DependencyCondition Condition)[] needs
    )
    {
        services.Add(
            new DesiredService(
                name,
                "image:1",
                "sha256:image",
                replicas,
                restart,
                "as declared",
                null,
                probed ? [new TcpProbe(80, ProbeTiming.Default)] : [],
                TimeSpan.FromSeconds(10),
                hash,
                [.. needs.Select(n => new DesiredDependency(n.Service, n.Condition))],
                [new Attachment("app_default", [name], null, null)],
                [],
                new ContainerSpec()
            )
        );
        return this;
    }

    /// <summary>The service last named, otherwise.</summary>
    public Scenario With(Func<DesiredService, DesiredService> change)
    {
        services[^1] = change(services[^1]);
        return this;
    }

    public Scenario Container(
        string service,
        Func<ObservedContainer, ObservedContainer>? change = null,
        int replica = 1
    )
    {
        var name = $"app-{service}-{replica}";
        var container = new ObservedContainer(
            $"{service}{replica}-id-0123456789",
            name,
            new Slot(service, replica),
            Ours: true,
            ForeignOwner: null,
            "hash",
            "sha256:image",
            RunState.Running,
            HealthState.None,
            "",
            ExitCode: 0,
            OomKilled: false,
            Error: "",
            Now.AddMinutes(-10),
            Now.AddMinutes(-10),
            FinishedAt: null,
            "no",
            new Dictionary<string, string> { ["app_default"] = "net1" },
            new Dictionary<string, string> { ["app_default"] = "10.0.0.2" },
            []
        );
        containers.Add(change is null ? container : change(container));
        return this;
    }

    /// <summary>The image was loaded again for that cause a short while ago.</summary>
    public Scenario Reloaded(Cause cause)
    {
        Spent.Add(Ladder.Reloads.Spend(null, Step.ReloadImage.BudgetOf("sha256:image", cause), Now, ""));
        return this;
    }

    public Scenario Seen(params string[] names)
    {
        seen.UnionWith(names);
        return this;
    }

    public static ObservedContainer Exited(ObservedContainer c, int code, TimeSpan ranFor, TimeSpan ago) =>
        c with
        {
            State = RunState.Exited,
            ExitCode = code,
            StartedAt = Now - ago - ranFor,
            FinishedAt = Now - ago,
        };

    public Plan Plan() => Plan(Desired());

    /// <summary>The same engine and past, and something else wanted of it.</summary>
    public Plan Plan(DesiredState desired) => Planner.Make(Inputs(desired));

    /// <summary>What ingress gets to know of it.</summary>
    public IReadOnlyList<PublishedService> Published() => Published(Desired());

    /// <summary>The same engine and past, and something else wanted of it.</summary>
    public IReadOnlyList<PublishedService> Published(DesiredState desired) =>
        PublishedServices.Of(Plan(desired), Inputs(desired));

    private PlanningInputs Inputs(DesiredState desired) =>
        new PlanningInputs(
            desired,
            Observed(),
            Stopped,
            Restarts.GetValueOrDefault,
            (slot, hash) => Completions.GetValueOrDefault(slot) is { } c && c.ConfigHash == hash ? c : null,
            Verdicts,
            Asked,
            InFlight,
            Failures,
            seen,
            Traffic,
            LeavingSince,
            ReadySince,
            Backoff,
            BootedAt,
            Now
        )
        {
            AskedAnew = AskedAnew,
            Flapping = Flapping,
            Care = Care,
            Hold = Hold,
            UnderWay = UnderWay,
            Spent = Spent,
        };

    public (DesiredState, ObservedState) State() => (Desired(), Observed());

    private ObservedState Observed() => new(containers, Networks, new HashSet<string>(), Tags, Images);

    private DesiredState Desired() =>
        new(
            "app",
            new Dictionary<string, DesiredNetwork>
            {
                ["app_default"] = new("app_default", "nethash", new NetworkSpec { Name = "app_default" }),
            },
            new Dictionary<string, DesiredVolume>(),
            new Dictionary<string, DesiredImage>
            {
                ["sha256:image"] = new("sha256:image", "image:1", ImageTag.Of("image:1"), Image),
            },
            services
        );
}
