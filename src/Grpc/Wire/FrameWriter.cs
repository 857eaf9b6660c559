using System.Buffers;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>
/// Writes one message after the other, with their headers, into a buffer writer. A serialiser that announces the
/// length writes in place; one that does not is collected first.
/// </summary>
internal sealed class FrameWriter(int? limit) : SerializationContext, IBufferWriter<byte>
{
    private IBufferWriter<byte> output = null!;
    private ArrayBufferWriter<byte>? collected;
    private int announced;
    private int written;
    private bool completed;

    /// <summary>Writes a message. When this throws, <see cref="HasPartialFrame"/> says whether bytes went out.</summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED over the send limit.</exception>
    public void Write<T>(T message, Action<T, SerializationContext> serializer, IBufferWriter<byte> destination)
    {
        output = destination;
        collected = null;
        announced = -1;
        written = 0;
        completed = false;
        serializer(message, this);
        if (!completed)
            throw new InvalidOperationException("The serialiser did not complete the message.");
    }

    /// <summary>Whether the last <see cref="Write"/> left the destination inside a frame.</summary>
    public bool HasPartialFrame => announced >= 0 && !completed;

    public override void SetPayloadLength(int payloadLength)
    {
        if (announced >= 0 || collected is not null)
            throw new InvalidOperationException("The length is announced once, before the first byte.");
        Begin(payloadLength);
    }

    public override IBufferWriter<byte> GetBufferWriter() => announced >= 0 ? this : collected ??= new();

    public override void Complete(byte[] payload)
    {
        ArgumentNullException.ThrowIfNull(payload);
        if (announced < 0)
            Begin(payload.Length);
        output.Write(payload);
        written += payload.Length;
        Finish();
    }

    public override void Complete()
    {
        if (announced < 0)
        {
            var payload = collected ?? new();
            Begin(payload.WrittenCount);
            output.Write(payload.WrittenSpan);
            written = payload.WrittenCount;
        }

        Finish();
    }

    public void Advance(int count)
    {
        output.Advance(count);
        written += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => output.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => output.GetSpan(sizeHint);

    private void Begin(int length)
    {
        if (length > limit)
            throw Frame.TooLargeToSend(length, limit);
        Frame.WriteHeader(output.GetSpan(Frame.HeaderSize), length);
        output.Advance(Frame.HeaderSize);
        announced = length;
    }

    private void Finish()
    {
        if (completed)
            throw new InvalidOperationException("The message was completed before.");
        if (written != announced)
            throw new InvalidOperationException($"{announced} bytes were announced and {written} written.");
        completed = true;
    }
}
