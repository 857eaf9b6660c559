using Appliance.Agent.Storage;
using Appliance.Agent.Updates;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What counts against a service that has to prove itself.</summary>
public sealed class ConductTests
{
    private readonly Conduct web = new("web", attempts: 3);
    private long id;

    [Theory]
    [InlineData("service.unhealthy")]
    [InlineData("service.failed")]
    [InlineData("service.failing")]
    public void The_first_verdict_that_it_is_not_well_counts(string kind)
    {
        Tell(kind);
        Assert.Equal(new Unfit("web", "web: it was seen"), web.Complaint);
    }

    [Fact]
    public void The_third_restart_counts_and_the_first_two_do_not()
    {
        Restarted();
        Restarted();
        Assert.Null(web.Complaint);
        Restarted();
        Assert.Equal("it was seen; it was restarted 3 times", web.Complaint?.Reason);
    }

    [Fact]
    public void Restarts_that_somebody_asked_for_do_not_count()
    {
        for (var i = 0; i < 5; i++)
            Tell("container.restarted", EventSeverity.Info);
        Assert.Null(web.Complaint);
    }

    [Fact]
    public void What_another_service_does_does_not_count()
    {
        web.On(Event("service.unhealthy", EventSeverity.Warning, "db", "app-db-1"));
        Assert.Null(web.Complaint);
    }

    [Fact]
    public void Each_container_may_come_back_once_after_every_loss_of_the_engine()
    {
        Restarted();
        Restarted();
        for (var loss = 0; loss < 4; loss++)
        {
            web.On(Event("engine.lost", EventSeverity.Error, null, null));
            Restarted("app-web-1");
            Restarted("app-web-2");
        }
        Restarted();
        Restarted();
        Assert.Null(web.Complaint);
        Restarted();
        Assert.NotNull(web.Complaint);
    }

    [Fact]
    public void Of_one_container_only_what_it_does_itself_counts()
    {
        var tried = new Conduct("web", attempts: 1, "app-web-3");
        tried.On(Event("container.restarted", EventSeverity.Warning, "web", "app-web-1"));
        tried.On(Event("service.unhealthy", EventSeverity.Warning, "web", null));
        Assert.Null(tried.Complaint);
        tried.On(Event("container.restarted", EventSeverity.Warning, "web", "app-web-3"));
        Assert.NotNull(tried.Complaint);
    }

    private void Restarted(string container = "app-web-1") =>
        web.On(Event("container.restarted", EventSeverity.Warning, "web", container));

    private void Tell(string kind, EventSeverity severity = EventSeverity.Warning) =>
        web.On(Event(kind, severity, "web", "app-web-1"));

    private StoredEvent Event(string kind, EventSeverity severity, string? service, string? container) =>
        new(++id, DateTimeOffset.UnixEpoch, severity, kind, service, container, "it was seen", "did something");
}
