using System.Buffers;
using Appliance.Agent.Control;

namespace Appliance.Agent.Tests.Control;

public sealed class TransportBlocksTests
{
    [Fact]
    public void A_block_is_used_again_and_is_nobody_elses_until_then()
    {
        using var pool = new TransportBlocks.Pool();
        var first = pool.Rent();
        var second = pool.Rent(TransportBlocks.Pool.BlockBytes);
        Assert.False(first.Memory.Span.Overlaps(second.Memory.Span));
        Assert.Equal(TransportBlocks.Pool.BlockBytes, first.Memory.Length);

        var memory = first.Memory;
        first.Dispose();
        first.Dispose();

        Assert.Equal(1, pool.Kept);
        Assert.Equal(memory, pool.Rent().Memory);
        Assert.NotEqual(memory, pool.Rent().Memory);
    }

    [Fact]
    public void What_a_burst_took_is_given_back_but_for_a_little()
    {
        using var pool = new TransportBlocks.Pool();
        List<IMemoryOwner<byte>> burst = [.. Enumerable.Range(0, 1000).Select(_ => pool.Rent())];

        burst.ForEach(block => block.Dispose());

        Assert.Equal(TransportBlocks.Pool.MostKept, pool.Kept);
    }

    [Fact]
    public void More_than_a_block_is_not_to_be_had()
    {
        using var pool = new TransportBlocks.Pool();

        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(pool.MaxBufferSize + 1));
    }
}
