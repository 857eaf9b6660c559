namespace Grpc.Core;

/// <summary>Hints for one write.</summary>
[Flags]
public enum WriteFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>More follows at once: the message may wait in a buffer for the next write.</summary>
    BufferHint = 0x1,

    /// <summary>Send this message uncompressed.</summary>
    NoCompress = 0x2,
}

/// <summary>How messages are written.</summary>
public class WriteOptions(WriteFlags flags = WriteFlags.None)
{
    /// <summary>No flags.</summary>
    public static readonly WriteOptions Default = new();

    /// <summary>The hints.</summary>
    public WriteFlags Flags { get; } = flags;
}
