using Grpc.Core;
using Grpc.Tests.Echo;

namespace Grpc.Tests;

/// <summary>What the service does in one test; each method echoes unless told otherwise.</summary>
internal sealed class Behaviour
{
    public Func<Message, ServerCallContext, Task<Message>> Once { get; set; } =
        (request, _) => Task.FromResult(request);

    public Func<IAsyncStreamReader<Message>, ServerCallContext, Task<Message>> Collect { get; set; } =
        async (requests, _) =>
        {
            var all = new Message();
            while (await requests.MoveNext())
            {
                all.Text += requests.Current.Text;
                all.Count++;
            }

            return all;
        };

    public Func<Message, IServerStreamWriter<Message>, ServerCallContext, Task> Repeat { get; set; } =
        async (request, responses, _) =>
        {
            for (var i = 0; i < request.Count; i++)
                await responses.WriteAsync(new Message { Text = request.Text, Count = i });
        };

    public Func<
        IAsyncStreamReader<Message>,
        IServerStreamWriter<Message>,
        ServerCallContext,
        Task
    > Converse { get; set; } =
        async (requests, responses, _) =>
        {
            await foreach (var request in requests.ReadAllAsync())
                await responses.WriteAsync(request);
        };
}

internal sealed class EchoService(Behaviour behaviour) : Echoes.EchoesBase
{
    public override Task<Message> Once(Message request, ServerCallContext context) => behaviour.Once(request, context);

    public override Task<Message> Collect(IAsyncStreamReader<Message> requestStream, ServerCallContext context) =>
        behaviour.Collect(requestStream, context);

    public override Task Repeat(
        Message request,
        IServerStreamWriter<Message> responseStream,
        ServerCallContext context
    ) => behaviour.Repeat(request, responseStream, context);

    public override Task Converse(
        IAsyncStreamReader<Message> requestStream,
        IServerStreamWriter<Message> responseStream,
        ServerCallContext context
    ) => behaviour.Converse(requestStream, responseStream, context);
}
