using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Tests.Echo;

namespace Grpc.Tests;

/// <summary>Deadlines and cancellation: both sides learn of it, and handlers end.</summary>
public sealed class CancellationTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource<string> handlerEnd = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource handlerStart = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task A_deadline_cancels_the_handler_and_the_call()
    {
        await using var server = await EchoServer.StartAsync(Waiting());
        var client = await ConnectedAsync(server);
        var watch = Stopwatch.StartNew();
        using var call = client.OnceAsync(
            new(),
            deadline: In(TimeSpan.FromMilliseconds(500)),
            cancellationToken: EchoServer.Cancel
        );
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.InRange(watch.ElapsedMilliseconds, 450, 4500);
        Assert.Equal("cancelled", await handlerEnd.Task.WaitAsync(Patience, EchoServer.Cancel));
    }

    [Fact]
    public async Task The_servers_own_timer_answers_a_client_without_one()
    {
        await using var server = await EchoServer.StartAsync(Waiting());
        using var raw = server.RawClient();
        using var request = RawCall.Request("Once", [0, 0, 0, 0, 0]);
        request.Headers.TryAddWithoutValidation("grpc-timeout", "100m");
        using var response = await raw.SendAsync(request, EchoServer.Cancel);
        Assert.Equal("4", response.Headers.GetValues("grpc-status").Single());
        Assert.Equal("cancelled", await handlerEnd.Task.WaitAsync(Patience, EchoServer.Cancel));
    }

    [Fact]
    public async Task A_deadline_ends_a_writer_whom_nobody_reads()
    {
        var behaviour = new Behaviour
        {
            Repeat = async (_, responses, _) =>
            {
                var message = new Message { Payload = ByteString.CopyFrom(new byte[100_000]) };
                try
                {
                    while (true)
                        await responses.WriteAsync(message);
                }
                catch (OperationCanceledException)
                {
                    handlerEnd.SetResult("cancelled");
                    throw;
                }
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        using var raw = server.RawClient();
        using var request = RawCall.Request("Repeat", [0, 0, 0, 0, 0]);
        request.Headers.TryAddWithoutValidation("grpc-timeout", "300m");
        using var response = await raw.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, EchoServer.Cancel);
        Assert.Equal("cancelled", await handlerEnd.Task.WaitAsync(Patience, EchoServer.Cancel));
    }

    [Fact]
    public async Task A_deadline_ends_a_reader_to_whom_nobody_writes()
    {
        var behaviour = new Behaviour
        {
            Collect = async (requests, _) =>
            {
                try
                {
                    await requests.MoveNext();
                }
                catch (OperationCanceledException)
                {
                    handlerEnd.SetResult("cancelled");
                    throw;
                }

                return new();
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        using var raw = server.RawClient();
        using var request = RawCall.Request("Collect", new RawCall.Unending());
        request.Headers.TryAddWithoutValidation("grpc-timeout", "100m");
        using var response = await raw.SendAsync(request, EchoServer.Cancel);
        Assert.Equal("4", response.Headers.GetValues("grpc-status").Single());
        Assert.Equal("cancelled", await handlerEnd.Task.WaitAsync(Patience, EchoServer.Cancel));
    }

    [Fact]
    public async Task A_deadline_in_the_past_fails_without_calling()
    {
        await using var server = await EchoServer.StartAsync(Waiting());
        using var call = server
            .OverSocket()
            .OnceAsync(new(), deadline: In(TimeSpan.FromSeconds(-1)), cancellationToken: EchoServer.Cancel);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.False(handlerStart.Task.IsCompleted);
    }

    [Fact]
    public async Task The_handler_sees_the_clients_deadline_however_far_it_is()
    {
        var seen = default(DateTime);
        var behaviour = new Behaviour
        {
            Once = (request, context) =>
            {
                seen = context.Deadline;
                return Task.FromResult(request);
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        var client = server.OverSocket();
        await client.OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        Assert.Equal(DateTime.MaxValue, seen);
        var deadline = In(TimeSpan.FromDays(365));
        await client.OnceAsync(new(), deadline: deadline, cancellationToken: EchoServer.Cancel);
        Assert.InRange(seen, deadline.AddSeconds(-2), deadline.AddSeconds(2));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_cancels_or_disposes_cancels_the_handler(bool dispose)
    {
        await using var server = await EchoServer.StartAsync(Waiting());
        using var source = new CancellationTokenSource();
        using var call = server.OverSocket().OnceAsync(new(), cancellationToken: source.Token);
        await handlerStart.Task.WaitAsync(Patience, EchoServer.Cancel);
        if (dispose)
            call.Dispose();
        else
            await source.CancelAsync();
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.Cancelled, error.StatusCode);
        Assert.Equal("cancelled", await handlerEnd.Task.WaitAsync(Patience, EchoServer.Cancel));
    }

    [Fact]
    public async Task Cancellation_throws_what_the_channel_was_told_to()
    {
        await using var server = await EchoServer.StartAsync(Waiting());
        using var source = new CancellationTokenSource();
        var client = server.OverSocket(options => options.ThrowOperationCanceledOnCancellation = true);
        using var call = client.OnceAsync(new(), cancellationToken: source.Token);
        await handlerStart.Task.WaitAsync(Patience, EchoServer.Cancel);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await call);
    }

    [Fact]
    public async Task Reads_and_writes_left_pending_by_a_handler_do_not_outlive_the_call()
    {
        var behaviour = new Behaviour
        {
            Converse = (requests, responses, context) =>
            {
                _ = requests.MoveNext(context.CancellationToken);
                _ = responses.WriteAsync(new() { Payload = ByteString.CopyFrom(new byte[1_000_000]) });
                return Task.CompletedTask;
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        var client = server.OverSocket();
        for (var i = 0; i < 20; i++)
        {
            using var call = client.Converse(cancellationToken: EchoServer.Cancel);
            Assert.Equal(1, await call.ResponseStream.ReadAllAsync(EchoServer.Cancel).CountAsync(EchoServer.Cancel));
            Assert.Equal(
                "next",
                (await client.OnceAsync(new() { Text = "next" }, cancellationToken: EchoServer.Cancel)).Text
            );
        }
    }

    [Fact]
    public async Task A_channel_that_is_disposed_ends_its_calls()
    {
        await using var server = await EchoServer.StartAsync(Waiting());
        var channel = server.ChannelOverSocket();
        using var call = new Echoes.EchoesClient(channel).OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        await handlerStart.Task.WaitAsync(Patience, EchoServer.Cancel);
        channel.Dispose();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
        Assert.Equal("cancelled", await handlerEnd.Task.WaitAsync(Patience, EchoServer.Cancel));
    }

    [Fact]
    public async Task A_child_call_ends_with_its_parents_deadline()
    {
        await using var backend = await EchoServer.StartAsync(Waiting());
        var client = await ConnectedAsync(backend);
        var behaviour = new Behaviour
        {
            Once = async (request, context) =>
                await client.OnceAsync(
                    request,
                    new CallOptions().WithPropagationToken(context.CreatePropagationToken())
                ),
        };
        await using var front = await EchoServer.StartAsync(behaviour);
        var caller = await ConnectedAsync(front);
        using var call = caller.OnceAsync(
            new(),
            deadline: In(TimeSpan.FromSeconds(1)),
            cancellationToken: EchoServer.Cancel
        );
        await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal("cancelled", await handlerEnd.Task.WaitAsync(Patience, EchoServer.Cancel));
    }

    // A deadline runs while a connection is made, which on a busy machine could use it up.
    private static async Task<Echoes.EchoesClient> ConnectedAsync(EchoServer server)
    {
        var client = server.OverSocket();
        using var call = client.Repeat(new(), cancellationToken: EchoServer.Cancel);
        Assert.False(await call.ResponseStream.MoveNext(EchoServer.Cancel));
        return client;
    }

    private static DateTime In(TimeSpan time) => TimeProvider.System.GetUtcNow().UtcDateTime + time;

    private Behaviour Waiting() =>
        new()
        {
            Once = async (request, context) =>
            {
                handlerStart.TrySetResult();
                try
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
                }
                catch (OperationCanceledException)
                {
                    handlerEnd.TrySetResult("cancelled");
                    throw;
                }

                return request;
            },
        };
}
