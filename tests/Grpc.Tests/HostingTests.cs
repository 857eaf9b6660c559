using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Tests.Echo;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.Tests;

/// <summary>Interceptors, services from dependency injection, options, health, shutdown.</summary>
public sealed class HostingTests
{
    [Fact]
    public async Task A_server_interceptor_from_dependency_injection_can_refuse_every_kind_of_call()
    {
        var door = new Door();
        await using var server = await EchoServer.StartAsync(
            options: options => options.Interceptors.Add<DoorKeeper>(),
            services: services => services.AddSingleton(door)
        );
        var client = server.OverSocket();
        await client.OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        Assert.Equal(["/echo.v1.Echoes/Once"], door.Seen);

        door.Closed = true;
        using var once = client.OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        await AssertDenied(() => once.ResponseAsync);
        using var collect = client.Collect(cancellationToken: EchoServer.Cancel);
        await AssertDenied(() => collect.ResponseAsync);
        using var repeat = client.Repeat(new(), cancellationToken: EchoServer.Cancel);
        await AssertDenied(() => repeat.ResponseStream.MoveNext(EchoServer.Cancel));
        using var converse = client.Converse(cancellationToken: EchoServer.Cancel);
        await AssertDenied(() => converse.ResponseStream.MoveNext(EchoServer.Cancel));

        static async Task AssertDenied(Func<Task> call) =>
            Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
    }

    [Fact]
    public async Task Interceptors_run_in_the_order_they_were_added_with_their_arguments()
    {
        var door = new Door();
        await using var server = await EchoServer.StartAsync(
            options: options =>
            {
                options.Interceptors.Add<Tagger>("first");
                options.Interceptors.Add<Tagger>("second");
            },
            services: services => services.AddSingleton(door)
        );
        await server.OverSocket().OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        Assert.Equal(["first", "second", "second disposed", "first disposed"], door.Seen);
    }

    [Fact]
    public async Task Client_interceptors_see_and_change_calls()
    {
        var behaviour = new Behaviour
        {
            Once = (request, context) =>
                Task.FromResult(new Message { Text = context.RequestHeaders.GetValue("token") + request.Text }),
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        var invoker = server
            .ChannelOverSocket()
            .Intercept(new Exclaimer())
            .Intercept(headers =>
            {
                headers.Add("token", "T:");
                return headers;
            });
        var answer = await new Echoes.EchoesClient(invoker).OnceAsync(
            new() { Text = "x" },
            cancellationToken: EchoServer.Cancel
        );
        Assert.Equal("T:x!", answer.Text);
    }

    [Fact]
    public async Task The_context_knows_peer_host_method_and_http_request()
    {
        var seen = new List<string>();
        var behaviour = new Behaviour
        {
            Once = (request, context) =>
            {
                seen.Add($"{context.Method} {context.GetHttpContext().Request.Protocol} {context.Host}");
                seen.Add(context.Peer.Split(':')[0]);
                Assert.False(context.AuthContext.IsPeerAuthenticated);
                return Task.FromResult(request);
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        await server.OverSocket().OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        await server.OverLoopback().WithHost("other.example").OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        Assert.Equal(
            ["/echo.v1.Echoes/Once HTTP/2 localhost", "unix", "/echo.v1.Echoes/Once HTTP/2 other.example", "ipv4"],
            seen
        );
    }

    [Fact]
    public async Task Mapping_a_service_without_AddGrpc_fails_at_once()
    {
        var builder = WebApplication.CreateSlimBuilder();
        await using var app = builder.Build();
        Assert.Throws<InvalidOperationException>(() => app.MapGrpcService<EchoService>());
    }

    [Fact]
    public async Task Options_of_one_service_start_from_those_of_all()
    {
        var door = new Door();
        await using var server = await EchoServer.StartAsync(
            options: options => options.Interceptors.Add<Tagger>("common"),
            services: services =>
                services
                    .AddSingleton(door)
                    .AddGrpc()
                    .AddServiceOptions<EchoService>(options =>
                    {
                        options.Interceptors.Add<Tagger>("own");
                        options.MaxReceiveMessageSize = 10;
                    })
        );
        var client = server.OverSocket();
        await client.OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        Assert.Equal(["common", "own"], door.Seen.Take(2));
        using var big = client.OnceAsync(new() { Text = "more than ten" }, cancellationToken: EchoServer.Cancel);
        Assert.Equal(
            StatusCode.ResourceExhausted,
            (await Assert.ThrowsAsync<RpcException>(async () => await big)).StatusCode
        );
    }

    [Fact]
    public async Task Health_clients_cannot_make_the_server_keep_what_they_like()
    {
        await using var server = await EchoServer.StartAsync();
        var client = new Health.V1.Health.HealthClient(server.ChannelOverSocket());
        var request = new Health.V1.HealthCheckRequest { Service = new string('x', 257) };
        using var check = client.CheckAsync(request, cancellationToken: EchoServer.Cancel);
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await check);
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.DoesNotContain("xx", refused.Status.Detail, StringComparison.Ordinal);
        using var watch = client.Watch(request, cancellationToken: EchoServer.Cancel);
        refused = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(EchoServer.Cancel));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);

        // A connection has room for 100 of them.
        request.Service = new string('x', 256);
        var watchers = new List<AsyncServerStreamingCall<Health.V1.HealthCheckResponse>>();
        for (var i = 0; i < 1024; i++)
        {
            if (i % 64 == 0)
                client = new Health.V1.Health.HealthClient(server.ChannelOverSocket());
            watchers.Add(client.Watch(request, cancellationToken: EchoServer.Cancel));
            Assert.True(await watchers[i].ResponseStream.MoveNext(EchoServer.Cancel));
        }
        client = new Health.V1.Health.HealthClient(server.ChannelOverSocket());
        using var tooMany = client.Watch(new(), cancellationToken: EchoServer.Cancel);
        refused = await Assert.ThrowsAsync<RpcException>(() => tooMany.ResponseStream.MoveNext(EchoServer.Cancel));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);

        // Who leaves makes room, if not before the server noticed.
        watchers.ForEach(w => w.Dispose());
        while (!await IsServedAsync()) { }

        async Task<bool> IsServedAsync()
        {
            using var next = client.Watch(new(), cancellationToken: EchoServer.Cancel);
            try
            {
                return await next.ResponseStream.MoveNext(EchoServer.Cancel);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Health_is_checked_and_watched_and_watching_ends_with_the_server()
    {
        await using var server = await EchoServer.StartAsync();
        var client = new Health.V1.Health.HealthClient(server.ChannelOverSocket());
        server.Health.SetStatus("", ServingStatus.Serving);
        Assert.Equal(
            ServingStatus.Serving,
            (await client.CheckAsync(new(), cancellationToken: EchoServer.Cancel)).Status
        );
        using var unknown = client.CheckAsync(new() { Service = "x" }, cancellationToken: EchoServer.Cancel);
        Assert.Equal(
            StatusCode.NotFound,
            (await Assert.ThrowsAsync<RpcException>(async () => await unknown)).StatusCode
        );

        using var watch = client.Watch(new() { Service = "x" }, cancellationToken: EchoServer.Cancel);
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync());
        server.Health.SetStatus("x", ServingStatus.NotServing);
        Assert.Equal(ServingStatus.NotServing, await NextAsync());
        server.Health.ClearStatus("x");
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync());

        // The host's own limit is 30 s: a watcher must not use it up.
        var stop = server.StopAsync();
        Assert.False(await watch.ResponseStream.MoveNext(EchoServer.Cancel));
        await stop.WaitAsync(TimeSpan.FromSeconds(10), EchoServer.Cancel);

        async Task<ServingStatus> NextAsync()
        {
            Assert.True(await watch.ResponseStream.MoveNext(EchoServer.Cancel));
            return watch.ResponseStream.Current.Status;
        }
    }

    internal sealed class Door
    {
        public bool Closed { get; set; }

        public List<string> Seen { get; } = [];
    }

    internal sealed class DoorKeeper(Door door) : Interceptor
    {
        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request,
            ServerCallContext context,
            UnaryServerMethod<TRequest, TResponse> continuation
        )
        {
            Check(context);
            return continuation(request, context);
        }

        public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
            IAsyncStreamReader<TRequest> requestStream,
            ServerCallContext context,
            ClientStreamingServerMethod<TRequest, TResponse> continuation
        )
        {
            Check(context);
            return continuation(requestStream, context);
        }

        public override Task ServerStreamingServerHandler<TRequest, TResponse>(
            TRequest request,
            IServerStreamWriter<TResponse> responseStream,
            ServerCallContext context,
            ServerStreamingServerMethod<TRequest, TResponse> continuation
        )
        {
            Check(context);
            return continuation(request, responseStream, context);
        }

        public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
            IAsyncStreamReader<TRequest> requestStream,
            IServerStreamWriter<TResponse> responseStream,
            ServerCallContext context,
            DuplexStreamingServerMethod<TRequest, TResponse> continuation
        )
        {
            Check(context);
            return continuation(requestStream, responseStream, context);
        }

        private void Check(ServerCallContext context)
        {
            door.Seen.Add(context.Method);
            if (door.Closed)
                throw new RpcException(new Status(StatusCode.PermissionDenied, "closed"));
        }
    }

    internal sealed class Tagger(Door door, string tag) : Interceptor, IDisposable
    {
        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request,
            ServerCallContext context,
            UnaryServerMethod<TRequest, TResponse> continuation
        )
        {
            door.Seen.Add(tag);
            return continuation(request, context);
        }

        public void Dispose() => door.Seen.Add(tag + " disposed");
    }

    internal sealed class Exclaimer : Interceptor
    {
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            TRequest request,
            ClientInterceptorContext<TRequest, TResponse> context,
            AsyncUnaryCallContinuation<TRequest, TResponse> continuation
        )
        {
            ((Message)(object)request).Text += "!";
            return continuation(request, context);
        }
    }
}
