namespace Appliance.Docker;

/// <summary>
/// Cuts a stream into lines as they arrive: a line is handed out with the read that completes it. What is handed out
/// is valid until the next call.
/// </summary>
internal sealed class LineReader(EngineStream stream, int maxLineBytes)
{
    private byte[] buffer = new byte[Math.Min(16 * 1024, maxLineBytes)];
    private int start;
    private int scanned;
    private int end;

    /// <summary>The next line that is not empty, without its end; null at the end of the stream.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            var newline = buffer.AsSpan(scanned, end - scanned).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                var line = buffer.AsMemory(start, scanned + newline - start).TrimEnd("\r"u8);
                start = scanned += newline + 1;
                if (line.Length > 0)
                    return line;
                continue;
            }
            scanned = end;
            MakeRoom();
            var read = await stream.ReadAsync(buffer.AsMemory(end), ct);
            if (read == 0)
                return TakeRest();
            end += read;
        }
    }

    private ReadOnlyMemory<byte>? TakeRest()
    {
        var rest = buffer.AsMemory(start, end - start);
        start = scanned = end;
        return rest.IsEmpty ? default(ReadOnlyMemory<byte>?) : rest;
    }

    private void MakeRoom()
    {
        if (end < buffer.Length)
            return;
        var length = end - start;
        if (length >= maxLineBytes)
            throw new EngineProtocolException(
                stream.Response.StatusCode,
                $"the engine sent a line of more than {maxLineBytes} bytes"
            );
        var roomier = length <= buffer.Length / 2 ? buffer : new byte[Math.Min(buffer.Length * 2, maxLineBytes)];
        buffer.AsSpan(start, length).CopyTo(roomier);
        buffer = roomier;
        (start, scanned, end) = (0, length, length);
    }
}
