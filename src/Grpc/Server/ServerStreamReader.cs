using Grpc.Core;
using Grpc.Wire;

namespace Grpc.AspNetCore.Server;

/// <summary>Reads requests straight from the transport's buffers, one at a time.</summary>
internal sealed class ServerStreamReader<TRequest>(ServerCall call, Func<DeserializationContext, TRequest> deserializer)
    : IAsyncStreamReader<TRequest>,
        IPendingOperation
    where TRequest : class
{
    private readonly PayloadContext context = new();
    private TRequest? current;
    private int reading;

    public TRequest Current =>
        current ?? throw new InvalidOperationException("There is no current message: MoveNext has not found one.");

    public Task? Pending { get; private set; }

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref reading, 1) == 1)
            throw new InvalidOperationException("The previous read is still in flight: await it first.");
        var read = ReadAsync(cancellationToken);
        if (!read.IsCompleted)
            Pending = read;
        return read;
    }

    /// <summary>Reads the request of a method that takes exactly one.</summary>
    /// <exception cref="RpcException">UNIMPLEMENTED for none or several, as the status document asks.</exception>
    public async ValueTask<TRequest> ReadSingleAsync()
    {
        if (!await ReadAsync(CancellationToken.None))
            throw Cardinality("no request message came");
        var request = Current;
        if (!call.RequestCompleted && await ReadAsync(CancellationToken.None))
            throw Cardinality("more than one request message came");
        return request;
    }

    private async Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            current = null;
            // The transport's reader serves the next request once this one is over.
            if (call.Ended)
                throw call.Cancelled(null);

            var body = call.Http.Request.BodyReader;
            while (true)
            {
                var result = await body.ReadAsync(cancellationToken);
                var buffer = result.Buffer;
                var consumed = buffer.Start;
                var examined = buffer.Start;
                try
                {
                    if (result.IsCanceled)
                        throw call.Cancelled(null);
                    if (Frame.TryRead(buffer, call.Settings.MaxReceiveMessageSize, out var payload, out var next))
                    {
                        context.Payload = payload;
                        current = Deserialize();
                        consumed = examined = next;
                        call.RequestCompleted = result.IsCompleted && buffer.End.Equals(next);
                        return true;
                    }

                    if (result.IsCompleted)
                    {
                        if (!buffer.IsEmpty)
                            throw Frame.Incomplete();
                        call.RequestCompleted = true;
                        return false;
                    }

                    examined = buffer.End;
                }
                finally
                {
                    body.AdvanceTo(consumed, examined);
                }
            }
        }
        catch (IOException e)
        {
            throw call.Cancelled(e);
        }
        catch (InvalidOperationException e) when (call.Ended)
        {
            throw call.Cancelled(e);
        }
        finally
        {
            Volatile.Write(ref reading, 0);
        }
    }

    private TRequest Deserialize()
    {
        try
        {
            return deserializer(context);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The request could not be parsed.", e));
        }
    }

    private static RpcException Cardinality(string what) =>
        new(new Status(StatusCode.Unimplemented, $"The method takes exactly one request, and {what}."));
}
