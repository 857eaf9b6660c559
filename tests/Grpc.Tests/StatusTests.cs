using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Tests.Echo;

namespace Grpc.Tests;

/// <summary>How calls end: codes, texts, trailers, limits.</summary>
public sealed class StatusTests
{
    [Fact]
    public async Task Code_text_and_trailers_of_an_error_arrive_as_thrown()
    {
        const string detail = "Größe 100% 日本 \r\n\t😀";
        var behaviour = new Behaviour
        {
            Once = (_, context) =>
            {
                context.ResponseTrailers.Add("from", "context");
                throw new RpcException(
                    new Status(StatusCode.Aborted, detail),
                    new Metadata { { "from", "exception" }, { "raw-bin", new byte[] { 0, 255, 1 } } }
                );
            },
        };
        var error = await FailureAsync(behaviour);
        Assert.Equal(StatusCode.Aborted, error.StatusCode);
        Assert.Equal(detail, error.Status.Detail);
        Assert.Equal(["context", "exception"], error.Trailers.GetAll("from").Select(entry => entry.Value));
        Assert.Equal([0, 255, 1], error.Trailers.GetValueBytes("raw-bin")!);
    }

    [Fact]
    public async Task An_unexpected_exception_says_nothing_about_itself_unless_allowed()
    {
        var behaviour = new Behaviour { Once = (_, _) => throw new InvalidOperationException("secret path") };
        var error = await FailureAsync(behaviour);
        Assert.Equal(StatusCode.Unknown, error.StatusCode);
        Assert.DoesNotContain("secret", error.Status.Detail, StringComparison.Ordinal);

        error = await FailureAsync(behaviour, options => options.EnableDetailedErrors = true);
        Assert.Contains("secret path", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_status_set_on_the_context_ends_the_call_with_it()
    {
        var behaviour = new Behaviour
        {
            Once = (request, context) =>
            {
                context.Status = new Status(StatusCode.DataLoss, "half");
                return Task.FromResult(request);
            },
        };
        Assert.Equal(StatusCode.DataLoss, (await FailureAsync(behaviour)).StatusCode);
    }

    [Fact]
    public async Task An_error_after_messages_comes_after_them()
    {
        var behaviour = new Behaviour
        {
            Repeat = async (_, responses, _) =>
            {
                await responses.WriteAsync(new() { Text = "one" });
                throw new RpcException(new Status(StatusCode.OutOfRange, "end"));
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        using var call = server.OverSocket().Repeat(new(), cancellationToken: EchoServer.Cancel);
        Assert.True(await call.ResponseStream.MoveNext(EchoServer.Cancel));
        var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(EchoServer.Cancel));
        Assert.Equal(StatusCode.OutOfRange, error.StatusCode);
        Assert.Equal(StatusCode.OutOfRange, call.GetStatus().StatusCode);
        await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(EchoServer.Cancel));
    }

    [Fact]
    public async Task Headers_metadata_and_trailers_go_both_ways()
    {
        var behaviour = new Behaviour
        {
            Once = async (request, context) =>
            {
                await context.WriteResponseHeadersAsync(
                    new Metadata { { "seen", context.RequestHeaders.GetValue("Ask")! } }
                );
                context.ResponseTrailers.Add("twice", "1");
                context.ResponseTrailers.Add("twice", "2");
                context.ResponseTrailers.Add("raw-bin", context.RequestHeaders.GetValueBytes("raw-bin")!);
                return request;
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        var headers = new Metadata { { "Ask", "a=1, b" }, { "raw-bin", new byte[] { 1, 2, 3, 4 } } };
        using var call = server.OverSocket().OnceAsync(new(), headers, cancellationToken: EchoServer.Cancel);
        Assert.Equal("a=1, b", (await call.ResponseHeadersAsync).GetValue("seen"));
        await call;
        Assert.Equal(["1", "2"], call.GetTrailers().GetAll("twice").Select(entry => entry.Value));
        Assert.Equal([1, 2, 3, 4], call.GetTrailers().GetValueBytes("raw-bin")!);
    }

    [Fact]
    public async Task Messages_over_a_limit_are_refused_on_either_side()
    {
        var big = new Message { Payload = ByteString.CopyFrom(new byte[5 * 1024 * 1024]) };
        var behaviour = new Behaviour { Repeat = (_, responses, _) => responses.WriteAsync(big) };

        // The server's receive limit, 4 MiB by default.
        Assert.Equal(StatusCode.ResourceExhausted, (await FailureAsync(new(), request: big)).StatusCode);
        // The client's send limit.
        Assert.Equal(
            StatusCode.ResourceExhausted,
            (await FailureAsync(new(), request: big, channel: options => options.MaxSendMessageSize = 1000)).StatusCode
        );
        // The server's send limit.
        await using (var server = await EchoServer.StartAsync(behaviour, options => options.MaxSendMessageSize = 1000))
            await AssertExhausted(server.OverSocket());
        // The client's receive limit, 4 MiB by default.
        await using (var server = await EchoServer.StartAsync(behaviour))
            await AssertExhausted(server.OverSocket());
        // And with larger limits it goes through.
        await using (var server = await EchoServer.StartAsync(options: options => options.MaxReceiveMessageSize = null))
        {
            var client = server.OverSocket(options => options.MaxReceiveMessageSize = null);
            var answer = await client.OnceAsync(big, cancellationToken: EchoServer.Cancel);
            Assert.Equal(big.Payload.Length, answer.Payload.Length);
        }

        static async Task AssertExhausted(Echoes.EchoesClient client)
        {
            using var call = client.Repeat(new(), cancellationToken: EchoServer.Cancel);
            var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(EchoServer.Cancel));
            Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        }
    }

    [Fact]
    public async Task Unknown_methods_and_services_and_unwritten_methods_are_unimplemented()
    {
        await using var server = await EchoServer.StartAsync();
        var channel = server.ChannelOverSocket();
        var marshaller = Marshallers.StringMarshaller;
        foreach (var (service, name) in new[] { ("echo.v1.Echoes", "Nothing"), ("no.Such", "Thing") })
        {
            var method = new Method<string, string>(MethodType.Unary, service, name, marshaller, marshaller);
            using var call = channel.CreateCallInvoker().AsyncUnaryCall(method, null, new CallOptions(), "x");
            Assert.Equal(
                StatusCode.Unimplemented,
                (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode
            );
        }

        using var unwritten = new Echoes.EchoesClient(channel).NeverWrittenAsync(
            new(),
            cancellationToken: EchoServer.Cancel
        );
        Assert.Equal(
            StatusCode.Unimplemented,
            (await Assert.ThrowsAsync<RpcException>(async () => await unwritten)).StatusCode
        );
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable()
    {
        using var channel = GrpcChannel.ForAddress("http://127.0.0.1:1");
        using var call = new Echoes.EchoesClient(channel).OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        using var stream = new Echoes.EchoesClient(channel).Converse(cancellationToken: EchoServer.Cancel);
        error = await Assert.ThrowsAsync<RpcException>(() => stream.RequestStream.WriteAsync(new(), EchoServer.Cancel));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
    }

    private static async Task<RpcException> FailureAsync(
        Behaviour behaviour,
        Action<AspNetCore.Server.GrpcServiceOptions>? options = null,
        Message? request = null,
        Action<GrpcChannelOptions>? channel = null
    )
    {
        await using var server = await EchoServer.StartAsync(behaviour, options);
        using var call = server.OverSocket(channel).OnceAsync(request ?? new(), cancellationToken: EchoServer.Cancel);
        return await Assert.ThrowsAsync<RpcException>(async () => await call);
    }
}
