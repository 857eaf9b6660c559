using System.Runtime.InteropServices;

namespace Appliance.Docker;

/// <summary>Which of a process's two outputs.</summary>
public enum OutputSource
{
    /// <summary>Standard output; also that of a terminal, which has no other.</summary>
    Stdout = 1,

    /// <summary>Standard error.</summary>
    Stderr = 2,
}

/// <summary>Bytes of output, as the engine sent them.</summary>
/// <param name="Stream">Where they were written.</param>
/// <param name="Data">The bytes, which the receiver may keep.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct OutputFrame(OutputSource Stream, ReadOnlyMemory<byte> Data);

/// <summary>A line of a container's log.</summary>
/// <param name="Stream">Where it was written.</param>
/// <param name="Timestamp">When the engine read it.</param>
/// <param name="Text">The line without its end; bytes that are no UTF-8 are replaced by U+FFFD.</param>
/// <param name="Continues">Whether the line was too long, and the next one of the same stream goes on with it.</param>
public sealed record LogLine(OutputSource Stream, DateTimeOffset Timestamp, string Text, bool Continues);

/// <summary>Which part of a log to read.</summary>
public sealed record LogQuery
{
    /// <summary>Standard output.</summary>
    public bool Stdout { get; init; } = true;

    /// <summary>Standard error.</summary>
    public bool Stderr { get; init; } = true;

    /// <summary>Whether to go on with what is written later, until the container ends.</summary>
    public bool Follow { get; init; }

    /// <summary>From then on; null for the beginning.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Until then; null for the end.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>So many lines from the end at most; null for all.</summary>
    public int? Tail { get; init; }
}
