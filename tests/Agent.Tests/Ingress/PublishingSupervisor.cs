using Appliance.Agent.Content;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>Publishes what a test says, and keeps what ingress reports.</summary>
internal sealed class PublishingSupervisor : ISupervisor
{
    private readonly Lock gate = new();
    private SupervisionView view = new(new EngineView(true, "", "", "", true, default, null), null, []);
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Traffic Traffic { get; private set; } = Traffic.None;

    /// <summary>Each report, in order.</summary>
    public List<Traffic> Reports { get; } = [];

    public SupervisionView View
    {
        get
        {
            lock (gate)
                return view;
        }
    }

    public void Publish(params IReadOnlyList<PublishedService> services)
    {
        TaskCompletionSource before;
        lock (gate)
        {
            view = view with { Published = services, IsTidy = true };
            before = changed;
            changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        before.SetResult();
    }

    public Task WaitForChangeAsync(SupervisionView seen, CancellationToken ct)
    {
        lock (gate)
            return ReferenceEquals(seen, view) ? changed.Task.WaitAsync(ct) : Task.CompletedTask;
    }

    public void Report(Traffic traffic)
    {
        lock (gate)
        {
            Traffic = traffic;
            Reports.Add(traffic);
        }
    }

    public void Run(RunningRelease what) => throw new NotSupportedException();

    public IReadOnlyDictionary<string, string> HashesOf(Release release) => throw new NotSupportedException();

    public void ForgetCompletions(Release release, Release except) => throw new NotSupportedException();

    public void Refuse(string problem) => throw new NotSupportedException();

    public bool Stop(string service, string by, string reason) => throw new NotSupportedException();

    public bool Start(string service, string by) => throw new NotSupportedException();

    public void Report(Care care) => throw new NotSupportedException();

    public Task<RestartOutcome> RecreateAsync(
        string service,
        string by,
        string reason,
        bool isPersonal,
        CancellationToken ct
    ) => throw new NotSupportedException();

    public Task<RestartOutcome> RestartAsync(
        string service,
        string by,
        string reason,
        bool isPersonal,
        CancellationToken ct
    ) => throw new NotSupportedException();
}
