using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;

namespace Grpc.AspNetCore.Server;

/// <summary>The parts of the protocol that need no call: refusing what is not gRPC, writing metadata and status.</summary>
internal static class ServerProtocol
{
    /// <summary>Whether the request is gRPC over HTTP/2; if not, the refusal is in the response.</summary>
    public static bool TryAccept(HttpContext http)
    {
        if (!HttpProtocol.IsHttp2(http.Request.Protocol) && !HttpProtocol.IsHttp3(http.Request.Protocol))
            return Refuse(http, StatusCodes.Status426UpgradeRequired, "gRPC needs HTTP/2.");
        if (!HeaderNames.IsGrpcContentType(http.Request.ContentType))
            return Refuse(http, StatusCodes.Status415UnsupportedMediaType, "The content type is not gRPC's.");
        http.Response.ContentType = HeaderNames.ContentType;
        return true;
    }

    public static void WriteMetadata(IHeaderDictionary headers, Metadata metadata)
    {
        foreach (var entry in metadata)
        {
            if (!HeaderNames.IsReserved(entry.Key))
                headers.Append(entry.Key, BinaryHeader.WireValue(entry));
        }
    }

    /// <summary>Ends a call; in headers, without a body, this is the shape called trailers-only.</summary>
    public static void WriteStatus(IHeaderDictionary headers, Status status, Metadata? trailers)
    {
        headers[HeaderNames.Status] = status.StatusCode == StatusCode.OK ? "0" : ((int)status.StatusCode).ToString();
        if (!string.IsNullOrEmpty(status.Detail))
            headers[HeaderNames.Message] = PercentEncoding.Encode(status.Detail);
        if (trailers is not null)
            WriteMetadata(headers, trailers);
    }

    private static bool Refuse(HttpContext http, int httpStatus, string detail)
    {
        http.Response.StatusCode = httpStatus;
        WriteStatus(http.Response.Headers, new Status(StatusCode.Internal, detail), trailers: null);
        return false;
    }
}
