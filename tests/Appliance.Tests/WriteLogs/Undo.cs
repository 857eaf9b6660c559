namespace Appliance.Tests.WriteLogs;

/// <summary>Remembers, in a file, what ranges of a disk held, and puts it back.</summary>
internal sealed class Undo(string path, SparseFile disk) : IDisposable
{
    private readonly FileStream file = new(path, FileMode.Create, FileAccess.ReadWrite);
    private readonly Stack<(long Offset, long Length, long At)> ranges = [];
    private readonly byte[] buffer = new byte[1 << 20];

    /// <summary>Call it before a range is changed.</summary>
    public void Keep(long offset, long length)
    {
        ranges.Push((offset, length, file.Position));
        for (var done = 0L; done < length; )
        {
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done));
            disk.Read(part, offset + done);
            // Seeked over, so that undoing a large discard takes no space.
            if (part.IndexOfAnyExcept((byte)0) < 0)
                file.Position += part.Length;
            else
                file.Write(part);
            done += part.Length;
        }
        file.SetLength(file.Position);
    }

    /// <summary>Puts all of it back, the last first.</summary>
    public void Dispose()
    {
        while (ranges.TryPop(out var range))
        {
            file.Position = range.At;
            for (var done = 0L; done < range.Length; )
            {
                var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, range.Length - done));
                file.ReadExactly(part);
                if (part.IndexOfAnyExcept((byte)0) < 0)
                    disk.Punch(range.Offset + done, part.Length);
                else
                    disk.Write(part, range.Offset + done);
                done += part.Length;
            }
        }
        file.Dispose();
        File.Delete(path);
    }
}
