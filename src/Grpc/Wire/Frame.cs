using System.Buffers;
using System.Buffers.Binary;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>The five bytes before each message: a flag (0, or 1 for compressed) and the length, big endian.</summary>
internal static class Frame
{
    public const int HeaderSize = 5;

    public static void WriteHeader(Span<byte> destination, int length)
    {
        destination[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(destination[1..], (uint)length);
    }

    /// <summary>The payload length, checked before anything is allocated for it.</summary>
    /// <exception cref="RpcException">
    /// INTERNAL for a flag that this side cannot have agreed to, RESOURCE_EXHAUSTED over the limit.
    /// </exception>
    public static int PayloadLength(ReadOnlySpan<byte> header, int? limit)
    {
        if (header[0] == 1)
            throw Error(StatusCode.Internal, "A message is flagged as compressed, but no compression was agreed on.");
        if (header[0] != 0)
            throw Error(StatusCode.Internal, $"A message has the flag {header[0]}, which the protocol does not know.");

        var length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (length > (limit ?? int.MaxValue - HeaderSize))
            throw Error(
                StatusCode.ResourceExhausted,
                $"Received message of {length} bytes exceeds the maximum configured message size of {limit} bytes."
            );
        return (int)length;
    }

    /// <summary>Finds the first whole message of a buffer, and where the next one begins.</summary>
    /// <exception cref="RpcException">See <see cref="PayloadLength"/>.</exception>
    public static bool TryRead(
        ReadOnlySequence<byte> buffer,
        int? limit,
        out ReadOnlySequence<byte> payload,
        out SequencePosition next
    )
    {
        payload = default;
        next = buffer.Start;
        if (buffer.Length < HeaderSize)
            return false;

        int length;
        if (buffer.FirstSpan.Length >= HeaderSize)
            length = PayloadLength(buffer.FirstSpan, limit);
        else
        {
            Span<byte> header = stackalloc byte[HeaderSize];
            buffer.Slice(0, HeaderSize).CopyTo(header);
            length = PayloadLength(header, limit);
        }

        if (buffer.Length - HeaderSize < length)
            return false;

        payload = buffer.Slice(HeaderSize, length);
        next = payload.End;
        return true;
    }

    public static RpcException Incomplete() => Error(StatusCode.Internal, "The stream ended inside a message.");

    public static RpcException TooLargeToSend(int length, int? limit) =>
        Error(
            StatusCode.ResourceExhausted,
            $"Sending message of {length} bytes exceeds the maximum configured message size of {limit} bytes."
        );

    private static RpcException Error(StatusCode code, string detail) => new(new Status(code, detail));
}
