using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>How a call ended.</summary>
internal sealed record Outcome(Status Status, Metadata Trailers);

/// <summary>One call on a client: its request, its cancellation, and how it ended, which is decided once.</summary>
internal abstract partial class ClientCall(GrpcChannel channel, IMethod method, string? host, CallOptions options)
{
    public static readonly Func<object, Task<Metadata>> Headers = static call => ((ClientCall)call).HeadersAsync();
    public static readonly Func<object, Status> Status = static call => ((ClientCall)call).Ended().Status;
    public static readonly Func<object, Metadata> Trailers = static call => ((ClientCall)call).Ended().Trailers;
    public static readonly Action<object> Cancel = static call => ((ClientCall)call).CancelFor(CallEnd.Disposed);

    private const string UserAgent = "grpc-dotnet-appliance/0.1.0";

    private Task<HttpResponseMessage>? sent;
    private HttpResponseMessage? response;
    private Outcome? outcome;

    protected GrpcChannel Channel => channel;

    protected CallOptions Options => options;

    /// <summary>How the call ended; null while it goes on.</summary>
    public Outcome? Outcome => Volatile.Read(ref outcome);

    /// <summary>Waits for the response's headers.</summary>
    /// <exception cref="RpcException">There will be none.</exception>
    protected Task<HttpResponseMessage> Sent => sent!;

    /// <summary>Whether the one response that the method has is still to come.</summary>
    protected bool ResponseMissing { get; set; } = method.Type is MethodType.Unary or MethodType.ClientStreaming;

    /// <summary>Runs once, when the call ended: whoever waits for the request stream must not wait any longer.</summary>
    protected virtual void OnEnded() { }

    /// <summary>Starts the call; afterwards it has been sent or has ended.</summary>
    protected void Send(HttpContent content)
    {
        content.Headers.TryAddWithoutValidation("Content-Type", HeaderNames.ContentType);
        sent = StartCancellation(out var timeout) ? SendAsync(Request(content, timeout)) : Refused();
        if (method.Type != MethodType.Unary)
            Observe(sent);
    }

    /// <summary>Ends a call that could not even be sent.</summary>
    protected void Refuse(Exception e) => sent = Task.FromException<HttpResponseMessage>(Failure(e));

    /// <summary>Says that nobody has to await a task that may fail: its failure is the call's, and shows there.</summary>
    public static void Observe(Task task) =>
        _ = task.ContinueWith(
            static failed => _ = failed.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );

    /// <summary>What to throw after <paramref name="e"/>; ends the call if it goes on.</summary>
    public Exception Failure(Exception e)
    {
        Finish(new Outcome(Judged(CallErrors.StatusOf(e, CancelledFor)), RpcTrailers(e)));
        return Thrown();
    }

    /// <summary>The exception of a call that did not end well.</summary>
    public Exception Thrown()
    {
        var (status, trailers) = Outcome!;
        var error = new RpcException(status, trailers);
        return channel.ThrowOperationCanceled && status.StatusCode == StatusCode.Cancelled && CancelledFor is not null
            ? new OperationCanceledException(status.Detail, error, options.CancellationToken)
            : error;
    }

    /// <summary>Ends the call with what stands after the last message.</summary>
    protected void FinishFrom(HttpResponseHeaders trailers)
    {
        var metadata = new Metadata();
        var status = CallErrors.StatusIn(trailers, metadata);
        Finish(
            new Outcome(
                Judged(status ?? new Status(StatusCode.Internal, "The server ended the stream without a grpc-status.")),
                metadata
            )
        );
    }

    protected void Finish(Outcome ended)
    {
        if (Interlocked.CompareExchange(ref outcome, ended, null) is not null)
            return;
        StopCancellation();
        OnEnded();
        // Resets the stream if it is still open, and frees what was not read.
        response?.Dispose();
    }

    private static Metadata RpcTrailers(Exception e) => e is RpcException rpc ? rpc.Trailers : Metadata.Empty;

    // A server whose own timer fired first resets the stream: that is the deadline, too. And success without the
    // response that the method promises is none.
    private Status Judged(Status status) =>
        status.StatusCode switch
        {
            StatusCode.Cancelled when CancelledFor is null && IsPastDeadline => CallEnd.Deadline,
            StatusCode.OK when ResponseMissing => new Status(
                StatusCode.Unimplemented,
                "The method has exactly one response, and the server sent none."
            ),
            _ => status,
        };

    private Outcome Ended() =>
        Outcome ?? throw new InvalidOperationException("The call has not ended: it has no status and no trailers yet.");

    private async Task<Metadata> HeadersAsync()
    {
        var metadata = new Metadata();
        CallErrors.StatusIn((await Sent).Headers, metadata);
        return metadata;
    }

    private HttpRequestMessage Request(HttpContent content, TimeSpan? timeout)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, channel.AddressOf(method))
        {
            Version = channel.HttpVersion,
            VersionPolicy = channel.VersionPolicy,
            Content = content,
        };
        var headers = request.Headers;
        if (host is not null)
            headers.Host = host;
        if (timeout is { } time)
            headers.TryAddWithoutValidation(HeaderNames.Timeout, GrpcTimeout.Format(time));
        headers.TryAddWithoutValidation("TE", "trailers");
        headers.TryAddWithoutValidation("User-Agent", UserAgent);
        if (options.Headers is { } metadata)
        {
            foreach (var entry in metadata)
            {
                if (!HeaderNames.IsReserved(entry.Key) && entry.Key != "user-agent")
                    headers.TryAddWithoutValidation(entry.Key, BinaryHeader.WireValue(entry));
            }
        }

        return request;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        try
        {
            var received = await channel.SendAsync(request, Token);
            Interlocked.Exchange(ref response, received);
            if (Outcome is not null)
                received.Dispose();
            else if (CallErrors.ImmediateEnd(received, out var status, out var trailers))
                Finish(new Outcome(Judged(status), trailers));
            return received;
        }
        catch (Exception e)
        {
            throw Failure(e);
        }
    }

    private Task<HttpResponseMessage> Refused()
    {
        Finish(new Outcome(CallEnd.Deadline, Metadata.Empty));
        return Task.FromException<HttpResponseMessage>(Thrown());
    }
}
