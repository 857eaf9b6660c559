using System.Net;
using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>How a channel reaches its server.</summary>
public sealed class GrpcChannelOptions
{
    /// <summary>The transport; null for a <see cref="SocketsHttpHandler"/> of the channel's own.</summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>The transport as a client; not together with <see cref="HttpHandler"/>.</summary>
    public HttpClient? HttpClient { get; set; }

    /// <summary>Whether disposing the channel disposes the given handler or client. Off unless set.</summary>
    public bool DisposeHttpClient { get; set; }

    /// <summary>Must agree with the address: insecure for http, TLS for https. Follows the address unless set.</summary>
    public ChannelCredentials? Credentials { get; set; }

    /// <summary>
    /// The largest response message in bytes; more ends the call with RESOURCE_EXHAUSTED before memory is taken for it.
    /// 4 MiB unless set; null for no limit.
    /// </summary>
    public int? MaxReceiveMessageSize { get; set; } = 4 * 1024 * 1024;

    /// <summary>The largest request message in bytes; null, the default, for no limit.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>
    /// Whether a call cancelled by its token or its disposal throws <see cref="OperationCanceledException"/> instead of
    /// an <see cref="RpcException"/>. Off unless set.
    /// </summary>
    public bool ThrowOperationCanceledOnCancellation { get; set; }

    /// <summary>The HTTP version of the requests; null for 2.0.</summary>
    public Version? HttpVersion { get; set; }

    /// <summary>What to do when that version is not to be had; null for <see cref="HttpVersionPolicy.RequestVersionExact"/>.</summary>
    public HttpVersionPolicy? HttpVersionPolicy { get; set; }

    internal HttpMessageInvoker CreateInvoker()
    {
        if (HttpClient is not null && HttpHandler is not null)
            throw new ArgumentException($"Set either {nameof(HttpClient)} or {nameof(HttpHandler)}, not both.");
        if (HttpClient is not null)
            return HttpClient;
        if (HttpHandler is not null)
            return new HttpMessageInvoker(HttpHandler, DisposeHttpClient);

        // Gives up neither calls above a server's stream limit nor a connection that is only quiet.
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
        };
        return new HttpMessageInvoker(handler, disposeHandler: true);
    }

    internal bool OwnsInvoker => DisposeHttpClient || HttpClient is null;
}
