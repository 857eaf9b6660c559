using System.Buffers;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>Reads messages from a response stream through one pooled buffer, which grows to the message at hand.</summary>
internal sealed class ResponseFrames(Stream stream, int? limit)
{
    private const int UsualSize = 4096;

    private byte[] buffer = [];
    private int start;
    private int end;

    /// <summary>The next message, valid until the next read; null at the end of the stream.</summary>
    /// <exception cref="Grpc.Core.RpcException">See <see cref="Frame.PayloadLength"/>; INTERNAL for a half message.</exception>
    public async ValueTask<ReadOnlySequence<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        if (!await FillAsync(Frame.HeaderSize, cancellationToken))
        {
            var half = start < end;
            Release();
            return half ? throw Frame.Incomplete() : null;
        }

        var length = Frame.PayloadLength(buffer.AsSpan(start, Frame.HeaderSize), limit);
        if (!await FillAsync(Frame.HeaderSize + length, cancellationToken))
        {
            Release();
            throw Frame.Incomplete();
        }

        var message = new ReadOnlySequence<byte>(buffer, start + Frame.HeaderSize, length);
        start += Frame.HeaderSize + length;
        return message;
    }

    private async ValueTask<bool> FillAsync(int needed, CancellationToken cancellationToken)
    {
        while (end - start < needed)
        {
            MakeRoom(needed);
            var read = await stream.ReadAsync(buffer.AsMemory(end), cancellationToken);
            if (read == 0)
                return false;
            end += read;
        }

        return true;
    }

    // Room for the rest of the message; a buffer that one large message needed is given back after it.
    private void MakeRoom(int needed)
    {
        var size = Math.Max(needed, UsualSize);
        if (buffer.Length >= size && (start < end || buffer.Length <= 16 * size))
        {
            if (start > 0 && buffer.Length - start < needed || start == end)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
            }

            return;
        }

        var other = ArrayPool<byte>.Shared.Rent(size);
        buffer.AsSpan(start, end - start).CopyTo(other);
        (start, end) = (0, end - start);
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
        buffer = other;
    }

    private void Release()
    {
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
        buffer = [];
        (start, end) = (0, 0);
    }
}
