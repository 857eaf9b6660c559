using Appliance.Bundles.Releases;

namespace Bundles.Tests.Packaging;

/// <summary>Keeps what was completed, and knows what was begun.</summary>
internal sealed class MemorySink : IBlobSink
{
    public Dictionary<string, byte[]> Completed { get; } = [];

    public int Open { get; private set; }

    public ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken)
    {
        Open++;
        return new(new Writer(this, blob));
    }

    private sealed class Writer(MemorySink sink, Blob blob) : IBlobWriter
    {
        private readonly MemoryStream bytes = new();

        public async ValueTask WriteAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellationToken) =>
            await bytes.WriteAsync(piece, cancellationToken);

        public ValueTask CompleteAsync(CancellationToken cancellationToken)
        {
            sink.Completed.Add(blob.Digest, bytes.ToArray());
            return default;
        }

        public ValueTask DisposeAsync()
        {
            sink.Open--;
            return default;
        }
    }
}
