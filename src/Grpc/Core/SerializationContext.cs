using System.Buffers;

namespace Grpc.Core;

/// <summary>Where a marshaller puts one message.</summary>
public abstract class SerializationContext
{
    /// <summary>Ends the message with an array that holds all of it.</summary>
    public virtual void Complete(byte[] payload) => throw new NotSupportedException();

    /// <summary>The place to write to; end with <see cref="Complete()"/>.</summary>
    public virtual IBufferWriter<byte> GetBufferWriter() => throw new NotSupportedException();

    /// <summary>
    /// Announces the exact length in bytes, before <see cref="GetBufferWriter"/>: the message can then be written in
    /// place, without a copy.
    /// </summary>
    public virtual void SetPayloadLength(int payloadLength) { }

    /// <summary>Ends the message that was written to <see cref="GetBufferWriter"/>.</summary>
    public virtual void Complete() => throw new NotSupportedException();
}

/// <summary>Where a marshaller finds one message; valid only while the deserialiser runs.</summary>
public abstract class DeserializationContext
{
    /// <summary>The length in bytes.</summary>
    public abstract int PayloadLength { get; }

    /// <summary>The message, copied to an array of its own.</summary>
    public virtual byte[] PayloadAsNewBuffer() => throw new NotSupportedException();

    /// <summary>The message where it lies; the memory is reused once the deserialiser returns.</summary>
    public virtual ReadOnlySequence<byte> PayloadAsReadOnlySequence() => throw new NotSupportedException();
}
