using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace Appliance.Docker;

/// <summary>
/// Output as the engine sends it: frames of a header (stream number, three zeros, length in network order) and bytes;
/// or, with a terminal, the bare bytes.
/// </summary>
internal static class FrameReader
{
    private const int HeaderLength = 8;
    private const int RawChunk = 32 * 1024;

    /// <summary>The stream on which the engine itself reports why it cannot go on.</summary>
    private const byte EnginesOwn = 3;

    public static async IAsyncEnumerable<OutputFrame> ReadFramesAsync(
        EngineStream stream,
        int maxFrameBytes,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var header = new byte[HeaderLength];
        while (await FillAsync(stream, header, mayEnd: true, ct))
        {
            var number = header[0];
            var length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4));
            if (number > EnginesOwn || header[1] != 0 || header[2] != 0 || header[3] != 0)
                throw new EngineProtocolException(
                    stream.Response.StatusCode,
                    $"the output has no frame where one was expected: {Convert.ToHexString(header)}"
                );
            if (length > maxFrameBytes)
                throw new EngineProtocolException(
                    stream.Response.StatusCode,
                    $"the output has a frame of {length} bytes; {maxFrameBytes} are the most accepted"
                );
            var data = new byte[length];
            await FillAsync(stream, data, mayEnd: false, ct);
            if (number == EnginesOwn)
                throw new DockerEngineException(stream.Response.StatusCode, Encoding.UTF8.GetString(data));
            yield return new(number == (byte)OutputSource.Stderr ? OutputSource.Stderr : OutputSource.Stdout, data);
        }
    }

    public static async IAsyncEnumerable<OutputFrame> ReadRawAsync(
        EngineStream stream,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var buffer = new byte[RawChunk];
        while (await stream.ReadAsync(buffer, ct) is > 0 and var read)
            yield return new(OutputSource.Stdout, buffer.AsSpan(0, read).ToArray());
    }

    // False when the stream ends before the first byte and may.
    private static async ValueTask<bool> FillAsync(
        EngineStream stream,
        byte[] buffer,
        bool mayEnd,
        CancellationToken ct
    )
    {
        var read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct);
        if (read == buffer.Length)
            return true;
        if (read == 0 && mayEnd)
            return false;
        throw new EngineUnavailableException("the engine ended the output in the middle of a frame");
    }
}
