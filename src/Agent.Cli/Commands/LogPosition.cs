using Appliance.V1;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Commands;

/// <summary>
/// How far each container's output was read, so that a stream that was cut goes on without loss or repetition. Lines
/// carry no number, but within one stream of one container their times never go back.
/// </summary>
internal sealed class LogPosition(StreamLogsRequest request, DateTimeOffset startedAt)
{
    // Far more than one container's lines may arrive behind another's; and a bound on what is asked for twice.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);

    private readonly Dictionary<Source, Mark> seen = [];
    private Dictionary<Source, Mark> resumed = [];
    private Timestamp? newest;
    private bool asked;

    /// <summary>The request as given, and after a lost connection one for what may not have been seen.</summary>
    public StreamLogsRequest NextRequest()
    {
        if (!asked)
        {
            asked = true;
            return request;
        }
        resumed = new(seen);
        var next = request.Clone();
        next.ClearTail();
        // Before any line came, what a tail would have left out is what was there at the start.
        if (newest is not null)
            next.Since = Latest(request.Since, newest - Duration.FromTimeSpan(Overlap));
        else if (request.HasTail)
            next.Since = Latest(request.Since, startedAt.ToTimestamp());
        return next;
    }

    /// <summary>Takes note of a line; false when it was seen before the connection was lost.</summary>
    public bool Advance(LogLine line)
    {
        var source = new Source(line.Container, line.Stream);
        if (resumed.TryGetValue(source, out var mark))
        {
            if (line.Time.CompareTo(mark.Time) < 0)
                return false;
            if (line.Time.Equals(mark.Time) && mark.Count > 0)
            {
                resumed[source] = mark with { Count = mark.Count - 1 };
                return false;
            }
        }
        else if (resumed.Count > 0 && request.HasTail && line.Time.CompareTo(startedAt.ToTimestamp()) < 0)
        {
            // Left out by the tail the first time.
            return false;
        }

        var same = seen.TryGetValue(source, out var last) && last.Time.Equals(line.Time);
        seen[source] = new Mark(line.Time, same ? last.Count + 1 : 1);
        newest = Latest(newest, line.Time);
        return true;
    }

    private static Timestamp Latest(Timestamp? a, Timestamp b) => a is not null && a.CompareTo(b) > 0 ? a : b;

    private readonly record struct Source(string Container, LogLine.Types.Stream Stream);

    /// <summary>The last line's time, and how many lines of this very time were seen.</summary>
    private readonly record struct Mark(Timestamp Time, int Count);
}
