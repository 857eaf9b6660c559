using System.Net;
using System.Net.Sockets;
using System.Text;
using Appliance.Tuf;

namespace Tuf.Tests.Client;

/// <summary>On a real socket, against a server that answers each path as a test says.</summary>
public sealed class HttpRepositoryTests : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Dictionary<string, string> answers = [];
    private readonly List<string> asked = [];
    private readonly Task serving;
    private readonly HttpRepository repository;
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public HttpRepositoryTests()
    {
        listener.Start();
        var url = $"http://{listener.LocalEndpoint}";
        repository = new($"{url}/m%5B..%2Fx%5D", $"{url}/t/", TimeProvider.System);
        serving = ServeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        repository.Dispose();
        listener.Stop();
        await serving;
    }

    [Fact]
    public async Task Paths_are_asked_for_as_they_are_written()
    {
        answers["/m%5B..%2Fx%5D/1.a%2Fb.json"] = Ok("yes");

        var bytes = await repository.FetchAsync("1.a%2Fb.json", 3, stop);

        Assert.Equal("yes", Encoding.UTF8.GetString(bytes!.Value.Span));
    }

    [Fact]
    public async Task What_is_not_there_is_nothing() =>
        Assert.Null(await repository.FetchAsync("2.root.json", 100, stop));

    [Theory]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("")]
    public async Task Whatever_else_a_server_does_is_refused_and_a_redirect_is_not_followed(string answer)
    {
        answers["/m%5B..%2Fx%5D/timestamp.json"] = answer;
        answers["/t/app"] = answer;

        var refusal = await Assert.ThrowsAsync<TufException>(() => repository.FetchAsync("timestamp.json", 100, stop));
        Assert.Equal(TufFault.Unavailable, refusal.Fault);
        refusal = await Assert.ThrowsAsync<TufException>(() => FetchTargetAsync("app"));
        Assert.Equal(TufFault.Unavailable, refusal.Fault);
        Assert.DoesNotContain("/elsewhere", asked);
    }

    [Fact]
    public async Task No_more_is_read_than_is_allowed()
    {
        answers["/m%5B..%2Fx%5D/timestamp.json"] = Ok(new string('x', 101));

        var refusal = await Assert.ThrowsAsync<TufException>(() => repository.FetchAsync("timestamp.json", 100, stop));

        Assert.Equal(TufFault.Malformed, refusal.Fault);
    }

    [Fact]
    public async Task A_target_comes_as_it_is()
    {
        answers["/t/dir/app"] = Ok("the target");

        Assert.Equal("the target", await FetchTargetAsync("dir/app"));
    }

    private static string Ok(string body) => $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}";

    private async Task<string> FetchTargetAsync(string path)
    {
        var text = new StringBuilder();
        await foreach (var chunk in repository.FetchAsync(path, stop))
            text.Append(Encoding.UTF8.GetString(chunk.Span));
        return text.ToString();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                using var connection = await listener.AcceptTcpClientAsync(CancellationToken.None);
                using var reader = new StreamReader(connection.GetStream(), leaveOpen: true);
                var path = (await reader.ReadLineAsync(CancellationToken.None))!.Split(' ')[1];
                while (await reader.ReadLineAsync(CancellationToken.None) is { Length: > 0 }) { }
                asked.Add(path);
                var answer = answers.GetValueOrDefault(path, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
                await connection.GetStream().WriteAsync(Encoding.UTF8.GetBytes(answer), CancellationToken.None);
            }
            // Stopped while it waited, or between two of its connections.
            catch (Exception e) when (e is SocketException or InvalidOperationException)
            {
                return;
            }
        }
    }
}
