using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>From what HTTP says to a status (gRPC "HTTP to gRPC status code mapping" and "gRPC over HTTP2").</summary>
internal static class CallErrors
{
    /// <summary>Reads the status from headers or trailers, and the metadata beside it; null without a status.</summary>
    public static Status? StatusIn(HttpResponseHeaders headers, Metadata metadata)
    {
        StatusCode? code = null;
        var message = "";
        foreach (var (name, values) in headers.NonValidated)
        {
            if (name.Equals(HeaderNames.Status, StringComparison.OrdinalIgnoreCase))
                code = HeaderNames.ParseStatus(values.ToString());
            else if (name.Equals(HeaderNames.Message, StringComparison.OrdinalIgnoreCase))
                message = PercentEncoding.Decode(values.ToString());
            else if (!HeaderNames.IsReserved(name))
            {
                foreach (var value in values)
                    BinaryHeader.AddReceived(metadata, name, value);
            }
        }

        return code is { } known ? new Status(known, message) : null;
    }

    /// <summary>Whether the call ended with its headers: trailers-only, or an answer that is not gRPC.</summary>
    public static bool ImmediateEnd(HttpResponseMessage response, out Status status, out Metadata trailers)
    {
        status = default;
        trailers = Metadata.Empty;
        if (response.Headers.NonValidated.Contains(HeaderNames.Status))
        {
            trailers = [];
            status = StatusIn(response.Headers, trailers)!.Value;
            return true;
        }

        if (response.StatusCode != HttpStatusCode.OK)
        {
            status = new Status(
                FromHttp(response.StatusCode),
                $"The server answered with HTTP status {(int)response.StatusCode} and no gRPC status."
            );
            return true;
        }

        var type = response.Content.Headers.NonValidated.TryGetValues("Content-Type", out var types)
            ? types.ToString()
            : null;
        if (HeaderNames.IsGrpcContentType(type))
            return false;
        status = new Status(StatusCode.Unknown, $"The server answered with the content type '{type}', not gRPC's.");
        return true;
    }

    /// <summary>The status of a call that failed with an exception, or that this side cancelled.</summary>
    public static Status StatusOf(Exception e, Status? cancelledFor) =>
        e switch
        {
            _ when cancelledFor is { } reason => reason,
            RpcException rpc => rpc.Status,
            _ when FindProtocolError(e) is { } error => new(FromHttp2(error.ErrorCode), error.Message, e),
            OperationCanceledException { InnerException: TimeoutException } => new(
                StatusCode.Unavailable,
                "Connecting took too long.",
                e
            ),
            OperationCanceledException => new(StatusCode.Cancelled, "The call was cancelled.", e),
            HttpRequestException or IOException or SocketException => new(
                IsConnectionError(e) ? StatusCode.Unavailable : StatusCode.Internal,
                $"The call failed: {e.Message}",
                e
            ),
            _ => new(StatusCode.Internal, $"The call failed: {e.Message}", e),
        };

    public static StatusCode FromHttp(HttpStatusCode status) =>
        status switch
        {
            HttpStatusCode.BadRequest or HttpStatusCode.RequestHeaderFieldsTooLarge => StatusCode.Internal,
            HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
            HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
            HttpStatusCode.NotFound => StatusCode.Unimplemented,
            HttpStatusCode.TooManyRequests
            or HttpStatusCode.BadGateway
            or HttpStatusCode.ServiceUnavailable
            or HttpStatusCode.GatewayTimeout => StatusCode.Unavailable,
            _ => StatusCode.Unknown,
        };

    public static StatusCode FromHttp2(long errorCode) =>
        errorCode switch
        {
            0x7 => StatusCode.Unavailable,
            0x8 => StatusCode.Cancelled,
            0xb => StatusCode.ResourceExhausted,
            0xc => StatusCode.PermissionDenied,
            _ => StatusCode.Internal,
        };

    private static HttpProtocolException? FindProtocolError(Exception? e)
    {
        while (e is not null and not HttpProtocolException)
            e = e.InnerException;
        return e as HttpProtocolException;
    }

    private static bool IsConnectionError(Exception e) =>
        e switch
        {
            HttpRequestException { HttpRequestError: HttpRequestError.Unknown, InnerException: { } inner } =>
                IsConnectionError(inner),
            HttpRequestException http => http.HttpRequestError
                is HttpRequestError.ConnectionError
                    or HttpRequestError.NameResolutionError
                    or HttpRequestError.SecureConnectionError
                    or HttpRequestError.ProxyTunnelError
                    or HttpRequestError.ResponseEnded,
            _ => e is IOException or SocketException,
        };
}
