using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What new containers are compared with.</summary>
public sealed class TrafficSpanTests
{
    private static readonly HashSet<string> New = ["new"];
    private static readonly HashSet<string> Old = ["old"];

    [Fact]
    public void An_outage_that_both_share_condemns_nobody()
    {
        // Millions went well before; since the trial began, a tenth fails of each.
        var span = new TrafficSpan(
            Totals(Server("old", 1_000_000, 0), Server("new", 0, 0)),
            Totals(Server("old", 1_009_000, 900), Server("new", 1_000, 100))
        );
        var (tried, others) = span.Compare("web", New, before: new HashSet<string>());
        Assert.Equal((1_000, 100), (tried.Requests, tried.Failed));
        Assert.Equal((9_000, 900), (others.Requests, others.Failed));
        Assert.Null(TrafficJudge.OfErrors("web", tried, others, 0.01m));
    }

    [Fact]
    public void What_failed_of_an_earlier_try_excuses_nobody()
    {
        var span = new TrafficSpan(
            Totals(Server("old", 10_000, 0), Server("failed", 1_000, 900)),
            Totals(Server("old", 11_000, 0), Server("failed", 1_000, 900), Server("new", 1_000, 100))
        );
        var (tried, others) = span.Compare("web", New, Old);
        Assert.Equal(0, others.Failed);
        Assert.NotNull(TrafficJudge.OfErrors("web", tried, others, 0.02m));
    }

    [Fact]
    public void Where_the_old_one_went_first_all_that_it_ever_had_is_the_measure()
    {
        var span = new TrafficSpan(
            Totals(Server("old", 100_000, 3_000), Server("failed", 1_000, 900)),
            Totals(Server("old", 100_010, 3_000), Server("failed", 1_000, 900), Server("new", 10_000, 300))
        );
        var (tried, others) = span.Compare("web", New, Old);
        Assert.Equal((100_010, 3_000), (others.Requests, others.Failed));
        Assert.Null(TrafficJudge.OfErrors("web", tried, others, 0.02m));
    }

    [Fact]
    public void What_another_service_does_is_not_its()
    {
        var span = new TrafficSpan(Totals(), Totals(Server("new", 5, 1), Server("new", 9, 9) with { Service = "api" }));
        Assert.Equal(5, span.Compare("web", New, Old).New.Requests);
    }

    private static IngressTotals Totals(params ServerTotals[] servers) => new(true, [], servers);

    private static ServerTotals Server(string id, long requests, long failed) =>
        new("web", id, ServerRole.Current, requests, failed, null);
}
