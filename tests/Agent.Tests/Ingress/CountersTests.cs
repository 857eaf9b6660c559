using System.Net.Sockets;
using System.Text;
using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>Several ask HAProxy at once, and nothing is counted twice.</summary>
public sealed class CountersTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answers_are_taken_in_the_order_in_which_they_were_given()
    {
        using var folder = new ScratchFolder();
        using var options = new ServiceCollection()
            .AddOptions<IngressOptions>()
            .Configure(o => o.RunDirectory = folder.Path)
            .Services.BuildServiceProvider();
        var settings = options.GetRequiredService<IOptionsMonitor<IngressOptions>>();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(settings.CurrentValue.MasterSocket));
        listener.Listen();
        using var counters = new IngressCounters(new RuntimeApi(settings, TimeProvider.System));
        counters.Know(
            new Dictionary<string, Occupant> { ["172.18.0.2"] = new("web", "a", ServerRole.Current) },
            new Dictionary<string, string> { ["be"] = "web" }
        );

        var first = counters.LookAsync(1, isNew: true, Ct);
        using var early = await listener.AcceptAsync(Ct);
        var second = counters.LookAsync(1, isNew: true, Ct);
        // Whoever has asked by now is answered before the first is.
        if (listener.Poll(0, SelectMode.SelectRead))
        {
            await AnswerNextAsync(listener, 1010);
            await second;
        }
        await AnswerAsync(early, 1000);
        await first;
        if (!second.IsCompleted)
            await AnswerNextAsync(listener, 1010);
        await second;

        Assert.Equal(1010, counters.Last.Servers.Single().Requests);
    }

    private static async Task AnswerNextAsync(Socket listener, int requests)
    {
        using var asking = await listener.AcceptAsync(Ct);
        await AnswerAsync(asking, requests);
    }

    private static async Task AnswerAsync(Socket asking, int requests)
    {
        // What is not read would break the connection off.
        await asking.ReceiveAsync(new byte[1024], Ct);
        await asking.SendAsync(
            Encoding.UTF8.GetBytes(
                "# pxname,svname,qcur,scur,status,addr,uweight,req_tot,hrsp_5xx,econ,eresp,srv_abrt,mode,\n"
                    + $"be,s1,0,0,no check,172.18.0.2:80,100,{requests},0,0,0,0,http,\n"
            ),
            Ct
        );
        asking.Shutdown(SocketShutdown.Both);
    }
}
