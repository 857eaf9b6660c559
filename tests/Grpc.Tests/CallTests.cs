using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Tests.Echo;

namespace Grpc.Tests;

/// <summary>The four kinds of call, our client against our server.</summary>
public sealed class CallTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task All_four_kinds_of_call_work_over_socket_and_loopback(bool socket)
    {
        await using var server = await EchoServer.StartAsync();
        var client = socket ? server.OverSocket() : server.OverLoopback();

        Assert.Equal("a", (await client.OnceAsync(new() { Text = "a" }, cancellationToken: EchoServer.Cancel)).Text);

        using var collect = client.Collect(cancellationToken: EchoServer.Cancel);
        foreach (var text in new[] { "a", "b", "c" })
            await collect.RequestStream.WriteAsync(new() { Text = text }, EchoServer.Cancel);
        await collect.RequestStream.CompleteAsync();
        Assert.Equal("abc", (await collect).Text);

        using var repeat = client.Repeat(new() { Text = "r", Count = 3 }, cancellationToken: EchoServer.Cancel);
        var counts = new List<int>();
        await foreach (var message in repeat.ResponseStream.ReadAllAsync(EchoServer.Cancel))
            counts.Add(message.Count);
        Assert.Equal([0, 1, 2], counts);
        Assert.Equal(StatusCode.OK, repeat.GetStatus().StatusCode);

        using var converse = client.Converse(cancellationToken: EchoServer.Cancel);
        for (var i = 0; i < 100; i++)
        {
            // Each answer comes before the next question: nothing waits for a buffer to fill.
            await converse.RequestStream.WriteAsync(new() { Count = i }, EchoServer.Cancel);
            Assert.True(await converse.ResponseStream.MoveNext(EchoServer.Cancel));
            Assert.Equal(i, converse.ResponseStream.Current.Count);
        }

        await converse.RequestStream.CompleteAsync();
        Assert.False(await converse.ResponseStream.MoveNext(EchoServer.Cancel));
    }

    [Fact]
    public async Task A_blocking_call_answers_as_an_awaited_one_does()
    {
        await using var server = await EchoServer.StartAsync();
        var client = server.OverSocket();
        var answer = await Task.Run(
            () => client.Once(new() { Text = "x" }, cancellationToken: EchoServer.Cancel),
            EchoServer.Cancel
        );
        Assert.Equal("x", answer.Text);
    }

    [Fact]
    public async Task Empty_and_large_messages_arrive_whole()
    {
        await using var server = await EchoServer.StartAsync();
        var client = server.OverLoopback();
        var random = new Random(7);
        foreach (var size in new[] { 0, 1, 4090, 4091, 16_384, 65_536, 1_000_000, 4 * 1024 * 1024 - 100, 3 })
        {
            var bytes = new byte[size];
            random.NextBytes(bytes);
            var request = new Message { Payload = ByteString.CopyFrom(bytes) };
            var answer = await client.OnceAsync(request, cancellationToken: EchoServer.Cancel);
            Assert.Equal(request.Payload, answer.Payload);
        }
    }

    [Fact]
    public async Task Streams_of_mixed_sizes_keep_their_order_and_content()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.OverSocket().Converse(cancellationToken: EchoServer.Cancel);
        var random = new Random(11);
        var sizes = Enumerable.Range(0, 200).Select(_ => (int)Math.Pow(10, random.NextDouble() * 5)).ToList();
        var sending = Task.Run(
            async () =>
            {
                foreach (var size in sizes)
                    await call.RequestStream.WriteAsync(
                        new() { Count = size, Payload = ByteString.CopyFrom(new byte[size]) },
                        EchoServer.Cancel
                    );
                await call.RequestStream.CompleteAsync();
            },
            EchoServer.Cancel
        );
        var received = new List<int>();
        await foreach (var message in call.ResponseStream.ReadAllAsync(EchoServer.Cancel))
        {
            Assert.Equal(message.Count, message.Payload.Length);
            received.Add(message.Count);
        }

        await sending;
        Assert.Equal(sizes, received);
    }

    [Fact]
    public async Task A_hundred_concurrent_streams_do_not_mix()
    {
        await using var server = await EchoServer.StartAsync();
        var client = server.OverSocket();
        var wrong = new ConcurrentBag<string>();
        await Task.WhenAll(
            Enumerable
                .Range(0, 100)
                .Select(async id =>
                {
                    using var call = client.Converse(cancellationToken: EchoServer.Cancel);
                    for (var i = 0; i < 20; i++)
                    {
                        await call.RequestStream.WriteAsync(new() { Text = $"{id}/{i}" }, EchoServer.Cancel);
                        await call.ResponseStream.MoveNext(EchoServer.Cancel);
                        if (call.ResponseStream.Current.Text != $"{id}/{i}")
                            wrong.Add(call.ResponseStream.Current.Text);
                    }

                    await call.RequestStream.CompleteAsync();
                })
        );
        Assert.Empty(wrong);
    }

    [Fact]
    public async Task A_second_write_in_flight_is_refused_on_both_sides()
    {
        var server = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        var behaviour = new Behaviour
        {
            Repeat = async (_, responses, context) =>
            {
                var big = new Message { Payload = ByteString.CopyFrom(new byte[2_000_000]) };
                var first = responses.WriteAsync(big);
                server.SetResult(
                    Assert.Throws<InvalidOperationException>(() =>
                        Ignore(responses.WriteAsync(big, context.CancellationToken))
                    )
                );
                await first;
            },
            Collect = async (_, context) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
                return new();
            },
        };
        await using var host = await EchoServer.StartAsync(behaviour);
        var client = host.OverSocket();
        using var repeat = client.Repeat(new(), cancellationToken: EchoServer.Cancel);
        await server.Task.WaitAsync(TimeSpan.FromSeconds(5), EchoServer.Cancel);

        using var collect = client.Collect(cancellationToken: EchoServer.Cancel);
        var huge = new Message { Payload = ByteString.CopyFrom(new byte[4_000_000]) };
        var pending = collect.RequestStream.WriteAsync(huge, EchoServer.Cancel);
        Assert.Throws<InvalidOperationException>(() =>
            Ignore(collect.RequestStream.WriteAsync(huge, EchoServer.Cancel))
        );
        Assert.Throws<InvalidOperationException>(() => Ignore(collect.RequestStream.CompleteAsync()));
        collect.Dispose();
        await Assert.ThrowsAsync<RpcException>(() => pending);

        static void Ignore(Task _) { }
    }

    [Fact]
    public async Task A_slow_reader_holds_the_writer_back_and_no_other_stream()
    {
        var written = 0;
        var behaviour = new Behaviour
        {
            Repeat = async (request, responses, _) =>
            {
                var message = new Message { Payload = ByteString.CopyFrom(new byte[64 * 1024]) };
                for (var i = 0; i < request.Count; i++)
                {
                    await responses.WriteAsync(message);
                    Interlocked.Increment(ref written);
                }
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        var client = server.OverSocket();
        using var slow = client.Repeat(new() { Count = 2000 }, cancellationToken: EchoServer.Cancel);
        Assert.True(await slow.ResponseStream.MoveNext(EchoServer.Cancel));

        // The other streams of the connection go on while this one stands still.
        for (var i = 0; i < 200; i++)
            await client.OnceAsync(new(), cancellationToken: EchoServer.Cancel);
        // 125 MB would have to lie somewhere; what lies is a window's worth (the client's grows up to 16 MB).
        Assert.InRange(Volatile.Read(ref written), 1, 300);

        var rest = 1;
        while (await slow.ResponseStream.MoveNext(EchoServer.Cancel))
            rest++;
        Assert.Equal(2000, rest);
    }

    [Fact]
    public async Task An_early_answer_ends_a_client_that_still_sends()
    {
        var behaviour = new Behaviour { Collect = (_, _) => throw Error(StatusCode.FailedPrecondition, "no room") };
        await using var server = await EchoServer.StartAsync(behaviour);
        using var call = server.OverSocket().Collect(cancellationToken: EchoServer.Cancel);
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (true)
                await call.RequestStream.WriteAsync(
                    new() { Payload = ByteString.CopyFrom(new byte[10_000]) },
                    EchoServer.Cancel
                );
        });
        Assert.Equal("no room", error.Status.Detail);
        Assert.Equal(
            StatusCode.FailedPrecondition,
            (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode
        );
    }

    [Fact]
    public async Task A_write_that_waits_for_the_server_ends_with_an_early_answer_however_they_meet()
    {
        var behaviour = new Behaviour
        {
            Collect = async (requests, _) =>
            {
                await requests.MoveNext();
                throw Error(StatusCode.FailedPrecondition, "no room");
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        var client = server.OverSocket();
        var piece = ByteString.CopyFrom(new byte[60_000]);
        for (var i = 0; i < 400; i++)
        {
            using var call = client.Collect(cancellationToken: EchoServer.Cancel);
            var error = await Assert.ThrowsAsync<RpcException>(async () =>
            {
                // More than the transport takes ahead, so that one is waited for.
                for (var written = 0; written < 500; written++)
                    await call
                        .RequestStream.WriteAsync(new() { Payload = piece }, EchoServer.Cancel)
                        .WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, EchoServer.Cancel);
            });
            Assert.Equal("no room", error.Status.Detail);
        }
    }

    [Fact]
    public async Task The_server_may_finish_its_answers_after_the_client_has_finished()
    {
        var behaviour = new Behaviour
        {
            Converse = async (requests, responses, _) =>
            {
                var count = 0;
                while (await requests.MoveNext())
                    count++;
                for (var i = 0; i < count; i++)
                    await responses.WriteAsync(new() { Count = i });
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        using var call = server.OverSocket().Converse(cancellationToken: EchoServer.Cancel);
        await call.RequestStream.WriteAsync(new(), EchoServer.Cancel);
        await call.RequestStream.WriteAsync(new(), EchoServer.Cancel);
        await call.RequestStream.CompleteAsync();
        var counts = await call.ResponseStream.ReadAllAsync(EchoServer.Cancel).CountAsync(EchoServer.Cancel);
        Assert.Equal(2, counts);
    }

    private static RpcException Error(StatusCode code, string detail) => new(new Status(code, detail));
}
