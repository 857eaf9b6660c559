using System.Buffers;

namespace Grpc.Wire;

/// <summary>A growing buffer on pooled arrays; give it back with Dispose.</summary>
internal sealed class PooledBuffer : IBufferWriter<byte>, IDisposable
{
    private byte[] array = [];
    private int length;

    public ReadOnlyMemory<byte> Written => array.AsMemory(0, length);

    public void Clear() => length = 0;

    public void Advance(int count) => length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return array.AsMemory(length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return array.AsSpan(length);
    }

    public void Dispose()
    {
        if (array.Length > 0)
            ArrayPool<byte>.Shared.Return(array);
        array = [];
        length = 0;
    }

    private void Reserve(int sizeHint)
    {
        var needed = checked(length + Math.Max(sizeHint, 1));
        if (needed <= array.Length)
            return;

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, array.Length * 2));
        array.AsSpan(0, length).CopyTo(larger);
        if (array.Length > 0)
            ArrayPool<byte>.Shared.Return(array);
        array = larger;
    }
}
