namespace Appliance.Bundles.Oci;

/// <summary>
/// Moves bytes of any number through two buffers: while one is used, the other is filled. The memory it takes is the same
/// whatever the size.
/// </summary>
internal sealed class Pieces
{
    // Large enough that waiting for all parts after each piece costs nothing against the work.
    private const int Size = 1024 * 1024;

    private readonly byte[][] buffers = [new byte[Size], new byte[Size]];

    /// <param name="size">How many bytes there are.</param>
    /// <param name="fill">Fills a buffer from the source.</param>
    /// <param name="use">Is given each piece in turn, and is done with it when it returns.</param>
    public async Task PumpAsync(long size, Func<Memory<byte>, ValueTask> fill, Func<ReadOnlyMemory<byte>, Task> use)
    {
        var turn = 0;
        var next = Begin(size, fill, turn);
        for (var left = size; left > 0; )
        {
            await next;
            var piece = buffers[turn].AsMemory(0, (int)Math.Min(left, Size));
            left -= piece.Length;
            turn = 1 - turn;
            next = Begin(left, fill, turn);
            try
            {
                await use(piece);
            }
            catch
            {
                // The source is not to be read behind the back of whoever now closes it.
                await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
        }
    }

    private Task Begin(long left, Func<Memory<byte>, ValueTask> fill, int turn) =>
        left == 0 ? Task.CompletedTask : fill(buffers[turn].AsMemory(0, (int)Math.Min(left, Size))).AsTask();
}
