using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Appliance.Docker;

/// <summary>Lines out of log frames that were asked for with timestamps.</summary>
/// <remarks>
/// The engine cuts a long line into messages of 16 KiB and sends each as a frame with a timestamp of its own, so the
/// timestamp is taken off at the beginning of every frame, not of every line.
/// </remarks>
internal sealed class LogLineReader(int maxLineBytes)
{
    // Lengths of 2026-01-02T03:04:05.123456789Z, of the same with +00:00, and of it up to the seventh digit.
    private const int WithZulu = 30;
    private const int WithOffset = 35;
    private const int HundredsOfNanoseconds = 27;

    private readonly PartialLine stdout = new();
    private readonly PartialLine stderr = new();

    public static async IAsyncEnumerable<LogLine> ReadAsync(
        IAsyncEnumerable<OutputFrame> frames,
        int maxLineBytes,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var reader = new LogLineReader(maxLineBytes);
        await foreach (var frame in frames.WithCancellation(ct))
        {
            foreach (var line in reader.Add(frame))
                yield return line;
        }
        foreach (var line in reader.Rest())
            yield return line;
    }

    private IEnumerable<LogLine> Add(OutputFrame frame)
    {
        var partial = frame.Stream == OutputSource.Stderr ? stderr : stdout;
        var data = TakeTimestamp(frame.Data, partial);
        while (!data.IsEmpty)
        {
            var newline = data.Span.IndexOf((byte)'\n');
            var piece = newline < 0 ? data : data[..newline];
            data = newline < 0 ? default : data[(newline + 1)..];
            while (partial.Bytes.Count + piece.Length > maxLineBytes)
            {
                var take = maxLineBytes - partial.Bytes.Count;
                partial.Bytes.AddRange(piece.Span[..take]);
                piece = piece[take..];
                yield return CutLine(frame.Stream, partial);
            }
            partial.Bytes.AddRange(piece.Span);
            if (newline >= 0)
            {
                yield return WholeLine(frame.Stream, partial);
                // A terminal's output comes in chunks of several lines, each with its own timestamp.
                data = TakeTimestamp(data, partial);
            }
        }
    }

    private IEnumerable<LogLine> Rest()
    {
        if (stdout.Bytes.Count > 0)
            yield return WholeLine(OutputSource.Stdout, stdout);
        if (stderr.Bytes.Count > 0)
            yield return WholeLine(OutputSource.Stderr, stderr);
    }

    private static ReadOnlyMemory<byte> TakeTimestamp(ReadOnlyMemory<byte> data, PartialLine partial)
    {
        var space = data.Span.IndexOf((byte)' ');
        if (space is not (WithZulu or WithOffset))
            return data;
        // Cut to what .NET counts in, not rounded: a log asked for since a line's timestamp has that line.
        var text = Encoding.ASCII.GetString(data.Span[..space]).Remove(HundredsOfNanoseconds, 2);
        const string format = "yyyy-MM-dd'T'HH:mm:ss.fffffffK";
        if (
            !DateTimeOffset.TryParseExact(
                text,
                format,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal,
                out var time
            )
        )
            return data;
        // A line in pieces happened when its first piece did.
        if (partial.Bytes.Count == 0)
            partial.Timestamp = time;
        return data[(space + 1)..];
    }

    private static LogLine WholeLine(OutputSource stream, PartialLine partial)
    {
        var bytes = partial.Span;
        if (bytes is [.., (byte)'\r'])
            bytes = bytes[..^1];
        var line = new LogLine(stream, partial.Timestamp, Encoding.UTF8.GetString(bytes), Continues: false);
        partial.Bytes.Clear();
        return line;
    }

    private static LogLine CutLine(OutputSource stream, PartialLine partial)
    {
        var whole = WholeCharacters(partial.Span);
        var line = new LogLine(stream, partial.Timestamp, Encoding.UTF8.GetString(partial.Span[..whole]), true);
        partial.Bytes.RemoveRange(0, whole);
        return line;
    }

    // So that a cut does not turn a character into two that cannot be decoded.
    private static int WholeCharacters(ReadOnlySpan<byte> bytes)
    {
        for (var back = 1; back <= Math.Min(4, bytes.Length - 1); back++)
        {
            var lead = bytes[^back];
            if ((lead & 0xC0) == 0x80)
                continue;
            var length =
                lead >= 0xF0 ? 4
                : lead >= 0xE0 ? 3
                : lead >= 0xC0 ? 2
                : 1;
            return length > back ? bytes.Length - back : bytes.Length;
        }
        return bytes.Length;
    }

    private sealed class PartialLine
    {
        public List<byte> Bytes { get; } = [];

        public DateTimeOffset Timestamp { get; set; }

        public ReadOnlySpan<byte> Span => CollectionsMarshal.AsSpan(Bytes);
    }
}
