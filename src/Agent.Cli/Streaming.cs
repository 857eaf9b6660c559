using Grpc.Core;

namespace Appliance.Cli;

/// <summary>Prints what the agent streams; one that follows outlives the agent's restarts.</summary>
internal static class Streaming
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(3);

    /// <summary>How many streams in a row may end in a way that could be an answer before it is taken for one.</summary>
    private const int DoubtsAllowed = 3;

    /// <summary>
    /// Returns when the stream has ended, or when who follows it has seen enough (Ctrl-C). A stream
    /// that follows has no end of its own but the item that <paramref name="isLast"/> knows: once an agent was
    /// reached, its absence is waited out, and <paramref name="open"/> is called again, to ask for what
    /// <paramref name="print"/> has not had.
    /// </summary>
    /// <exception cref="RpcException">The agent declined, was never reached, or failed in a stream that does not follow.</exception>
    public static async Task RunAsync<T>(
        Session session,
        bool follow,
        Func<AgentConnection, CallOptions, AsyncServerStreamingCall<T>> open,
        Action<T> print,
        Predicate<T>? isLast,
        CancellationToken cancellationToken
    )
    {
        // To cut short what would have ended by itself is something else: there the kernel's default gives 130.
        using var enough = new Interrupt(follow, cancellationToken);
        var delay = FirstDelay;
        var lost = false;
        var doubts = 0;
        while (true)
        {
            try
            {
                using var call = open(session.Agent, new(cancellationToken: enough.Token));
                await call.ResponseHeadersAsync;
                if (lost)
                    session.Error.WriteLine("appliancectl: the agent is back");
                lost = false;

                await foreach (var item in FlushedWhenIdle(session, call.ResponseStream, enough.Token))
                {
                    print(item);
                    delay = FirstDelay;
                    doubts = 0;
                    if (isLast?.Invoke(item) == true)
                        return;
                }
                if (!follow)
                    return;
            }
            catch (Exception e) when (enough.Came && e is RpcException or OperationCanceledException)
            {
                return;
            }
            catch (RpcException e)
                when (follow && session.Agent.EverConnected && MayComeBack(e.StatusCode, doubts < DoubtsAllowed))
            {
                // While nobody answers, an agent is being restarted, and its next cut may look like an answer again.
                doubts = IsDoubtful(e.StatusCode) ? doubts + 1 : 0;
            }

            if (!lost)
                session.Error.WriteLine("appliancectl: the agent went away; waiting for it, Ctrl-C ends the wait");
            lost = true;
            if (!await enough.WaitedOut(delay * (0.8 + (Random.Shared.NextDouble() * 0.4)), session.Clock))
                return;
            delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay;
        }
    }

    /// <summary>
    /// An agent that stops resets its streams, or closes the socket in the middle of one: runtimes call the first
    /// "cancelled" and the second "unavailable", "internal" or "unknown". The last two are also what an agent answers
    /// that fails each time, so they have the benefit of the doubt for a while only.
    /// </summary>
    private static bool MayComeBack(StatusCode status, bool inDoubt) =>
        status is StatusCode.Unavailable or StatusCode.Cancelled || (inDoubt && IsDoubtful(status));

    private static bool IsDoubtful(StatusCode status) => status is StatusCode.Internal or StatusCode.Unknown;

    /// <summary>A line is on the screen before the next is waited for, and a flood goes out in large writes.</summary>
    private static async IAsyncEnumerable<T> FlushedWhenIdle<T>(
        Session session,
        IAsyncStreamReader<T> stream,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        while (true)
        {
            var next = stream.MoveNext(cancellationToken);
            if (!next.IsCompleted)
                session.Out.Flush();
            if (!await next)
                yield break;
            yield return stream.Current;
        }
    }
}
