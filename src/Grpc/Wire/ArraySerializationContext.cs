using System.Buffers;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>Collects one message in memory of its own.</summary>
internal sealed class ArraySerializationContext : SerializationContext
{
    private ArrayBufferWriter<byte>? buffer;
    private byte[]? whole;

    public override void SetPayloadLength(int payloadLength) =>
        buffer ??= payloadLength == 0 ? new() : new(payloadLength);

    public override IBufferWriter<byte> GetBufferWriter() => buffer ??= new();

    public override void Complete(byte[] payload) => whole = payload;

    public override void Complete() => GetBufferWriter();

    public byte[] ToArray() => whole ?? buffer?.WrittenSpan.ToArray() ?? throw Incomplete();

    private static InvalidOperationException Incomplete() => new("The serialiser did not complete the message.");
}
