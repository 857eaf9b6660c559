namespace Grpc.Core;

/// <summary>Base of generated clients that can make copies of themselves.</summary>
public abstract class ClientBase<T> : ClientBase
    where T : ClientBase<T>
{
    /// <summary>For mocking; such a client cannot call.</summary>
    protected ClientBase() { }

    /// <summary>A client with a configuration.</summary>
    protected ClientBase(ClientBaseConfiguration configuration)
        : base(configuration) { }

    /// <summary>A client on a channel.</summary>
    protected ClientBase(ChannelBase channel)
        : base(channel) { }

    /// <summary>A client on an invoker.</summary>
    protected ClientBase(CallInvoker callInvoker)
        : base(callInvoker) { }

    /// <summary>A client whose calls name another authority (the <c>:authority</c> of HTTP/2).</summary>
    public T WithHost(string host) => NewInstance(new ClientBaseConfiguration(Configuration.Invoker, host));

    /// <summary>Generated: a client with the configuration.</summary>
    protected abstract T NewInstance(ClientBaseConfiguration configuration);
}

/// <summary>Base of generated clients.</summary>
public abstract class ClientBase
{
    private readonly ClientBaseConfiguration? configuration;

    /// <summary>For mocking; such a client cannot call.</summary>
    protected ClientBase() { }

    /// <summary>A client with a configuration.</summary>
    protected ClientBase(ClientBaseConfiguration configuration) =>
        this.configuration = configuration ?? throw new ArgumentNullException(nameof(configuration));

    /// <summary>A client on a channel.</summary>
    protected ClientBase(ChannelBase channel)
        : this((channel ?? throw new ArgumentNullException(nameof(channel))).CreateCallInvoker()) { }

    /// <summary>A client on an invoker.</summary>
    protected ClientBase(CallInvoker callInvoker)
        : this(new ClientBaseConfiguration(callInvoker, null)) { }

    /// <summary>What starts this client's calls.</summary>
    protected CallInvoker CallInvoker => Configuration.CallInvoker;

    internal ClientBaseConfiguration Configuration =>
        configuration ?? throw new NotSupportedException("This client was made for mocking and cannot call.");

    /// <summary>An invoker and the authority that its calls name.</summary>
    protected internal class ClientBaseConfiguration
    {
        internal ClientBaseConfiguration(CallInvoker invoker, string? host)
        {
            Invoker = invoker ?? throw new ArgumentNullException(nameof(invoker));
            CallInvoker = host is null ? invoker : new HostCallInvoker(invoker, host);
        }

        internal CallInvoker Invoker { get; }

        internal CallInvoker CallInvoker { get; }
    }
}
