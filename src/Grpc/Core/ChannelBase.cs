namespace Grpc.Core;

/// <summary>Where calls go.</summary>
public abstract class ChannelBase
{
    /// <summary>A channel to a target.</summary>
    protected ChannelBase(string target) => Target = target ?? throw new ArgumentNullException(nameof(target));

    /// <summary>The target, as host and port.</summary>
    public string Target { get; }

    /// <summary>An invoker that starts calls on this channel.</summary>
    public abstract CallInvoker CreateCallInvoker();

    /// <summary>Cancels the calls in flight and closes the connections.</summary>
    public Task ShutdownAsync() => ShutdownAsyncCore();

    /// <inheritdoc cref="ShutdownAsync"/>
    protected virtual Task ShutdownAsyncCore() => Task.CompletedTask;
}

/// <summary>How a channel is secured.</summary>
public abstract class ChannelCredentials
{
    private protected ChannelCredentials() { }

    /// <summary>No transport security: for <c>http</c> addresses and unix sockets.</summary>
    public static ChannelCredentials Insecure { get; } = new InsecureCredentials();

    /// <summary>TLS, with the trust roots and certificates of the HTTP handler: for <c>https</c> addresses.</summary>
    public static ChannelCredentials SecureSsl { get; } = new SslCredentials();

    private sealed class InsecureCredentials : ChannelCredentials;
}

/// <summary>TLS, with the trust roots and certificates of the HTTP handler.</summary>
public sealed class SslCredentials : ChannelCredentials;
