using System.Collections.Concurrent;
using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>
/// Where calls go: one server, over as many connections as the HTTP handler opens. Channels are meant to be shared and
/// to live long; clients on them are cheap.
/// </summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly Uri address;
    private readonly HttpMessageInvoker invoker;
    private readonly bool ownsInvoker;
    private readonly ConcurrentDictionary<string, Uri> addresses = new();
    private readonly CancellationTokenSource shutdown = new();
    private int disposed;

    private GrpcChannel(Uri address, GrpcChannelOptions options)
        : base(address.Authority)
    {
        this.address = address;
        invoker = options.CreateInvoker();
        ownsInvoker = options.OwnsInvoker;
        MaxReceiveMessageSize = options.MaxReceiveMessageSize;
        MaxSendMessageSize = options.MaxSendMessageSize;
        ThrowOperationCanceled = options.ThrowOperationCanceledOnCancellation;
        HttpVersion = options.HttpVersion ?? System.Net.HttpVersion.Version20;
        VersionPolicy = options.HttpVersionPolicy ?? HttpVersionPolicy.RequestVersionExact;
    }

    internal int? MaxReceiveMessageSize { get; }

    internal int? MaxSendMessageSize { get; }

    internal bool ThrowOperationCanceled { get; }

    internal Version HttpVersion { get; }

    internal HttpVersionPolicy VersionPolicy { get; }

    internal CancellationToken Shutdown => shutdown.Token;

    /// <summary>A channel to an http or https address.</summary>
    /// <exception cref="ArgumentException">Another scheme, or options that contradict it.</exception>
    public static GrpcChannel ForAddress(string address) => ForAddress(new Uri(address), new GrpcChannelOptions());

    /// <inheritdoc cref="ForAddress(string)"/>
    public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions) =>
        ForAddress(new Uri(address), channelOptions);

    /// <inheritdoc cref="ForAddress(string)"/>
    public static GrpcChannel ForAddress(Uri address) => ForAddress(address, new GrpcChannelOptions());

    /// <inheritdoc cref="ForAddress(string)"/>
    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(channelOptions);
        if (!address.IsAbsoluteUri || address.Scheme is not ("http" or "https"))
            throw new ArgumentException($"'{address}' is not an http or https address.", nameof(address));
        if (
            channelOptions.Credentials is { } credentials
            && credentials is SslCredentials != (address.Scheme == "https")
        )
            throw new ArgumentException($"The credentials do not fit the address '{address}'.", nameof(channelOptions));
        return new GrpcChannel(address, channelOptions);
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The channel was disposed.</exception>
    public override CallInvoker CreateCallInvoker()
    {
        ObjectDisposedException.ThrowIf(disposed == 1, this);
        return new HttpCallInvoker(this);
    }

    /// <summary>Cancels the calls in flight and closes the connections.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 1)
            return;
        shutdown.Cancel();
        if (ownsInvoker)
            invoker.Dispose();
    }

    // A client would read the whole response before it returned; an invoker returns with the headers.
    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        invoker is HttpClient client
            ? client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            : invoker.SendAsync(request, cancellationToken);

    internal Uri AddressOf(IMethod method)
    {
        ObjectDisposedException.ThrowIf(disposed == 1, this);
        return addresses.TryGetValue(method.FullName, out var found)
            ? found
            : addresses.GetOrAdd(method.FullName, static (name, root) => new Uri(root, name), address);
    }

    /// <inheritdoc/>
    protected override Task ShutdownAsyncCore()
    {
        Dispose();
        return Task.CompletedTask;
    }
}
