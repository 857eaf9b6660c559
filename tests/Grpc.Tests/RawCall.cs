using System.Net;

namespace Grpc.Tests;

/// <summary>Calls made byte by byte with the platform's HTTP client.</summary>
internal static class RawCall
{
    public static HttpRequestMessage Request(
        string method,
        byte[] body,
        string contentType = "application/grpc",
        string service = "echo.v1.Echoes"
    ) => Request(method, new ByteArrayContent(body), contentType, service);

    public static HttpRequestMessage Request(
        string method,
        HttpContent content,
        string contentType = "application/grpc",
        string service = "echo.v1.Echoes"
    )
    {
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        var request = new HttpRequestMessage(HttpMethod.Post, $"/{service}/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TryAddWithoutValidation("TE", "trailers");
        return request;
    }

    /// <summary>Frames a message.</summary>
    public static byte[] Frame(params byte[] message) =>
        [
            0,
            (byte)(message.Length >> 24),
            (byte)(message.Length >> 16),
            (byte)(message.Length >> 8),
            (byte)message.Length,
            .. message,
        ];

    /// <summary>Sends each part as a DATA frame of its own.</summary>
    internal sealed class Pieces(params byte[][] parts) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (var part in parts)
            {
                await stream.WriteAsync(part);
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>A request that begins and does not end.</summary>
    internal sealed class Unending : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(
            Stream stream,
            TransportContext? context,
            CancellationToken cancellationToken
        )
        {
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
