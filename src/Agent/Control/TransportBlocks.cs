using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Appliance.Agent.Control;

/// <summary>
/// The blocks that the server receives into. Its own have 4 KiB, and each is filled by a call of its own to the kernel:
/// taking a bundle in costs two thirds of the processor time in larger ones.
/// </summary>
internal sealed class TransportBlocks : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();

    internal sealed class Pool : MemoryPool<byte>
    {
        // A frame of HTTP/2 as its clients send it. Larger ones save little, and any caller makes the agent hold some.
        public const int BlockBytes = 16 * 1024;

        // As much as one upload has under way, and little enough to keep for the next. The server has a pool per core.
        public const int MostKept = 64;

        private readonly ConcurrentQueue<Block> kept = new();
        private bool disposed;

        public override int MaxBufferSize => BlockBytes;

        /// <summary>How many blocks wait to be used again.</summary>
        public int Kept => kept.Count;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
            return kept.TryDequeue(out var block) ? block.Rented() : new Block(this);
        }

        protected override void Dispose(bool disposing)
        {
            Volatile.Write(ref disposed, true);
            kept.Clear();
        }

        private void Return(Block block)
        {
            // A few more when several come at once do no harm.
            if (kept.Count < MostKept && !Volatile.Read(ref disposed))
                kept.Enqueue(block);
        }

        private sealed class Block(Pool pool) : IMemoryOwner<byte>
        {
            // Where the kernel writes it must stay; among the pinned it is in nobody's way.
            private readonly byte[] bytes = GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true);
            private int returned;

            public Memory<byte> Memory => bytes;

            public Block Rented()
            {
                Volatile.Write(ref returned, 0);
                return this;
            }

            public void Dispose()
            {
                if (Interlocked.Exchange(ref returned, 1) == 0)
                    pool.Return(this);
            }
        }
    }
}
