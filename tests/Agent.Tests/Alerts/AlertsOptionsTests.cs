using Appliance.Agent.Alerts;

namespace Appliance.Agent.Tests.Alerts;

public sealed class AlertsOptionsTests
{
    [Theory]
    [InlineData("127.0.0.1:9099", true)]
    [InlineData("127.1.2.3:1", true)]
    [InlineData("[::1]:9099", true)]
    [InlineData("off", true)]
    [InlineData("0.0.0.0:9099", false)]
    [InlineData("[::]:9099", false)]
    [InlineData("192.168.1.4:9099", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("127.0.0.1:0", false)]
    [InlineData("localhost:9099", false)]
    [InlineData("", false)]
    public void Alerts_are_received_from_this_machine_only(string listen, bool isGood)
    {
        var options = new AlertsOptions { Listen = listen };
        Assert.Equal(isGood, new AlertsOptionsValidator().Validate(null, options).Succeeded);
    }
}
