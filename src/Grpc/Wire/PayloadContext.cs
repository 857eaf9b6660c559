using System.Buffers;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>Hands one message to a deserialiser where it lies.</summary>
internal sealed class PayloadContext : DeserializationContext
{
    public ReadOnlySequence<byte> Payload { get; set; }

    public override int PayloadLength => checked((int)Payload.Length);

    public override byte[] PayloadAsNewBuffer() => Payload.ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => Payload;
}
