using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Content;

/// <summary>
/// A docker-archive of one image that is never whole anywhere: each read gives the next bytes of a header, a stored blob
/// or padding. Layers stay as they are stored, gzip or unpacked: the engine takes both.
/// </summary>
internal sealed class ImageArchive : Stream
{
    private const int Block = 512;

    private readonly IEnumerator<Stream> parts;
    private readonly Dictionary<string, Blob> storedAs;
    private readonly BytesSent sent;
    private Stream current = Null;

    /// <param name="layers">Those to send; an engine needs no others than those that it does not hold.</param>
    public ImageArchive(ContentStore store, ReleaseImage image, IReadOnlyList<ReleaseLayer> layers, BytesSent sent)
    {
        this.sent = sent;
        // Once: what is named in the archive is what is in it, even if the other form of a layer comes or goes meanwhile.
        storedAs = image.Layers.DistinctBy(l => l.Blob.Digest).ToDictionary(l => l.Blob.Digest, store.StoredAs);
        parts = Parts(store, image, layers.Select(AsStored).DistinctBy(b => b.Digest)).GetEnumerator();
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
            return 0;
        while (true)
        {
            var read = await current.ReadAsync(buffer, cancellationToken);
            if (read > 0)
            {
                sent.Add(read);
                return read;
            }
            await current.DisposeAsync();
            if (!parts.MoveNext())
                return 0;
            current = parts.Current;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() { }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            current.Dispose();
            parts.Dispose();
        }
        base.Dispose(disposing);
    }

    private Blob AsStored(ReleaseLayer layer) => storedAs[layer.Blob.Digest];

    private IEnumerable<Stream> Parts(ContentStore store, ReleaseImage image, IEnumerable<Blob> layers)
    {
        foreach (var (name, blob) in layers.Select(l => (LayerName(l), l)).Prepend((ConfigName(image), image.Config)))
        {
            yield return new MemoryStream(Header(name, blob.Size));
            yield return store.OpenRead(blob);
            yield return Padding(blob.Size);
        }

        var manifest = Manifest(image);
        yield return new MemoryStream(Header("manifest.json", manifest.Length));
        yield return new MemoryStream(manifest);
        yield return Padding(manifest.Length);
        yield return new MemoryStream(new byte[2 * Block]);
    }

    private byte[] Manifest(ReleaseImage image)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartArray();
            json.WriteStartObject();
            json.WriteString("Config", ConfigName(image));
            json.WriteStartArray("RepoTags");
            if (ImageTag.Of(image.Reference) is { } tag)
                json.WriteStringValue(tag.ToString());
            json.WriteEndArray();
            json.WriteStartArray("Layers");
            foreach (var layer in image.Layers)
                json.WriteStringValue(LayerName(AsStored(layer)));
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
        }
        return bytes.ToArray();
    }

    private static string ConfigName(ReleaseImage image) => Hex(image.Config) + ".json";

    private static string LayerName(Blob layer) => "blobs/sha256/" + Hex(layer);

    private static string Hex(Blob blob) => blob.Digest["sha256:".Length..];

    private static MemoryStream Padding(long size) => new(new byte[(Block - (size % Block)) % Block]);

    /// <summary>A ustar header of a plain file; names here are short.</summary>
    private static byte[] Header(string name, long size)
    {
        var header = new byte[Block];
        Encoding.ASCII.GetBytes(name, header);
        Put(100, "0000644");
        Put(108, "0000000");
        Put(116, "0000000");
        // Eleven octal digits, or else binary with the highest bit set.
        if (size < 1L << 33)
            Put(124, Convert.ToString(size, 8).PadLeft(11, '0'));
        else
        {
            header[124] = 0x80;
            BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(128), size);
        }
        Put(136, "00000000000");
        Put(156, "0");
        Put(257, "ustar\000");
        // The sum counts its own field as blanks.
        Put(148, "        ");
        Put(148, Convert.ToString(header.Sum(b => b), 8).PadLeft(6, '0') + "\0 ");
        return header;

        void Put(int offset, string text) => Encoding.ASCII.GetBytes(text, header.AsSpan(offset));
    }
}
