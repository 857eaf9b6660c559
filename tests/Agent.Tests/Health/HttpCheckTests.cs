using Appliance.Agent.Health;
using Appliance.Bundles.Compose;
using Appliance.Testing;
using Microsoft.AspNetCore.Http;

namespace Appliance.Agent.Tests.Health;

/// <summary>What is asked over HTTP, and what of the answer counts.</summary>
public sealed class HttpCheckTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_headers_of_the_request_are_sent()
    {
        var asked = new HeaderDictionary();
        await using var server = await ProbedServer.StartAsync(context =>
        {
            foreach (var (name, value) in context.Request.Headers)
                asked[name] = value;
            return Task.CompletedTask;
        });
        var probe = server.HttpProbe() with
        {
            Headers = new Dictionary<string, string> { ["Host"] = "shop.example", ["X-Probe"] = "yes, it is" },
        };
        Assert.True((await CheckAsync(probe)).Healthy);
        Assert.Equal(("shop.example", "yes, it is"), ($"{asked["Host"]}", $"{asked["X-Probe"]}"));
    }

    [Theory]
    [InlineData("Content-Type", "json", null)]
    [InlineData("X-Mode", "", null)]
    [InlineData("x-mode", "primary", null)]
    [InlineData("X-Mode", "replica", "HTTP 200, but X-Mode is \"primary\" and does not contain \"replica\"")]
    [InlineData("X-Other", "", "HTTP 200, but without the header X-Other")]
    public async Task The_headers_of_the_answer_are_looked_at(string name, string text, string? failure)
    {
        await using var server = await ProbedServer.StartAsync(context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.Headers["X-Mode"] = "primary";
            return context.Response.WriteAsync("{}");
        });
        var probe = server.HttpProbe() with { ExpectedHeaders = new Dictionary<string, string> { [name] = text } };
        Assert.Equal(
            failure is null ? ProbeResult.Ok("HTTP 200") : ProbeResult.Failed(failure),
            await CheckAsync(probe)
        );
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(4, false)]
    public async Task A_certificate_that_is_not_good_for_long_enough_fails(int days, bool isHealthy)
    {
        using var certificate = ProbedServer.CertificateFor(TimeSpan.FromDays(3));
        await using var server = await ProbedServer.StartAsync(c => c.Response.WriteAsync("ok"), certificate);
        var result = await CheckAsync(server.HttpProbe("https") with { CertificateValidFor = TimeSpan.FromDays(days) });
        Assert.Equal(isHealthy, result.Healthy);
        if (!isHealthy)
            Assert.Equal(
                $"the certificate is good until {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm:ss'Z'} only",
                result.Output
            );
    }

    [Fact]
    public async Task Whether_a_certificate_is_good_is_asked_of_the_clock_and_an_answer_that_is_bad_comes_first()
    {
        using var certificate = ProbedServer.CertificateFor(TimeSpan.FromDays(3));
        var status = 200;
        await using var server = await ProbedServer.StartAsync(
            context =>
            {
                context.Response.StatusCode = status;
                return Task.CompletedTask;
            },
            certificate
        );
        var probe = server.HttpProbe("https") with { CertificateValidFor = TimeSpan.FromDays(1) };
        var clock = new ManualClock(TimeProvider.System.GetUtcNow());
        Assert.True((await CheckAsync(probe, clock)).Healthy);
        clock.Advance(TimeSpan.FromDays(2.5));
        Assert.StartsWith("the certificate", (await CheckAsync(probe, clock)).Output, StringComparison.Ordinal);
        status = 503;
        Assert.StartsWith("HTTP 503", (await CheckAsync(probe, clock)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_wish_for_it_an_expired_certificate_is_no_failure()
    {
        using var expired = ProbedServer.CertificateFor(TimeSpan.FromMinutes(-1));
        await using var server = await ProbedServer.StartAsync(c => c.Response.WriteAsync("ok"), expired);
        Assert.True((await CheckAsync(server.HttpProbe("https"))).Healthy);
    }

    [Fact]
    public async Task One_that_accepts_and_never_answers_fails_once_the_deadline_passes()
    {
        var asked = new TaskCompletionSource();
        await using var server = await ProbedServer.StartAsync(async context =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        var clock = new ManualClock();
        var pending = CheckAsync(server.HttpProbe(), clock);
        await asked.Task.WaitAsync(Ct);
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(ProbeResult.Late("no answer within 5 s"), await pending);
    }

    private static async Task<ProbeResult> CheckAsync(HttpProbe probe, TimeProvider? clock = null)
    {
        using var http = HttpCheck.CreateClient();
        return await new HttpCheck(probe, ProbedServer.Address, http, clock ?? TimeProvider.System).CheckAsync(Ct);
    }
}
