namespace Grpc.Core;

/// <summary>What the four call types share: the rest of the call, asked for only when somebody wants it.</summary>
internal readonly struct AsyncCallState
{
    private readonly object? state;
    private readonly object headers;
    private readonly object status;
    private readonly object trailers;
    private readonly object dispose;

    public AsyncCallState(
        Func<object, Task<Metadata>> headers,
        Func<object, Status> status,
        Func<object, Metadata> trailers,
        Action<object> dispose,
        object state
    )
    {
        this.headers = headers;
        this.status = status;
        this.trailers = trailers;
        this.dispose = dispose;
        this.state = state ?? throw new ArgumentNullException(nameof(state));
    }

    public AsyncCallState(Task<Metadata> headers, Func<Status> status, Func<Metadata> trailers, Action dispose)
    {
        this.headers = headers;
        this.status = status;
        this.trailers = trailers;
        this.dispose = dispose;
    }

    public Task<Metadata> ResponseHeadersAsync() =>
        state is null ? (Task<Metadata>)headers : ((Func<object, Task<Metadata>>)headers)(state);

    public Status GetStatus() => state is null ? ((Func<Status>)status)() : ((Func<object, Status>)status)(state);

    public Metadata GetTrailers() =>
        state is null ? ((Func<Metadata>)trailers)() : ((Func<object, Metadata>)trailers)(state);

    public void Dispose()
    {
        if (state is null)
            ((Action)dispose)();
        else
            ((Action<object>)dispose)(state);
    }
}
