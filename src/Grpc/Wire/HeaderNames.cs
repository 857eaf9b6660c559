using System.Collections.Frozen;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>The header names of the protocol, and which of them metadata cannot carry.</summary>
internal static class HeaderNames
{
    public const string Timeout = "grpc-timeout";
    public const string Encoding = "grpc-encoding";
    public const string AcceptEncoding = "grpc-accept-encoding";
    public const string Status = "grpc-status";
    public const string Message = "grpc-message";
    public const string ContentType = "application/grpc";

    // Other grpc- names, such as grpc-status-details-bin and grpc-trace-bin, are metadata like any other.
    private static readonly FrozenSet<string> Reserved = new[]
    {
        Timeout,
        Encoding,
        AcceptEncoding,
        Status,
        Message,
        "grpc-message-type",
        "te",
        "content-type",
        "content-length",
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
        "trailer",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the protocol owns the name: neither handed to the application nor taken from it.</summary>
    public static bool IsReserved(string name) => name.Length == 0 || name[0] == ':' || Reserved.Contains(name);

    /// <summary>Whether a content type is gRPC's: exactly, or with a subtype or parameters after it.</summary>
    public static bool IsGrpcContentType(string? contentType) =>
        contentType is not null
        && contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase)
        && (contentType.Length == ContentType.Length || contentType[ContentType.Length] is '+' or ';');

    /// <summary>Reads <c>grpc-status</c>; anything but a number from 0 to 16 is <see cref="StatusCode.Unknown"/>.</summary>
    public static StatusCode ParseStatus(string value) =>
        int.TryParse(value, System.Globalization.NumberStyles.None, null, out var number) && number <= 16
            ? (StatusCode)number
            : StatusCode.Unknown;
}
