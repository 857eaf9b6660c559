using System.Buffers;
using System.Text;

namespace Grpc.Core;

public sealed partial class Metadata
{
    /// <summary>One key with its text or its bytes.</summary>
    public class Entry
    {
        private static readonly SearchValues<char> KeyCharacters = SearchValues.Create(
            "abcdefghijklmnopqrstuvwxyz0123456789-_."
        );

        private readonly string? text;
        private readonly byte[]? bytes;

        /// <summary>Bytes, base64-encoded on the wire.</summary>
        /// <exception cref="ArgumentException">Invalid key, or one that does not end in <c>-bin</c>.</exception>
        public Entry(string key, byte[] valueBytes)
        {
            Key = CheckedKey(key);
            if (!IsBinary)
                throw new ArgumentException($"'{key}' must end in {BinaryHeaderSuffix} to hold bytes.", nameof(key));
            ArgumentNullException.ThrowIfNull(valueBytes);
            bytes = (byte[])valueBytes.Clone();
        }

        /// <summary>Printable ASCII.</summary>
        /// <exception cref="ArgumentException">
        /// Invalid key, a key that ends in <c>-bin</c>, or a character outside 0x20-0x7E in the value.
        /// </exception>
        public Entry(string key, string value)
        {
            Key = CheckedKey(key);
            if (IsBinary)
                throw new ArgumentException($"'{key}' ends in {BinaryHeaderSuffix} and must hold bytes.", nameof(key));
            ArgumentNullException.ThrowIfNull(value);
            if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                throw new ArgumentException($"The value of '{key}' is not printable ASCII.", nameof(value));
            text = value;
        }

        private Entry(string key, string? text, byte[]? bytes)
        {
            Key = key;
            this.text = text;
            this.bytes = bytes;
        }

        /// <summary>The key in lower case.</summary>
        public string Key { get; }

        /// <summary>The text.</summary>
        /// <exception cref="InvalidOperationException">The entry holds bytes.</exception>
        public string Value =>
            text ?? throw new InvalidOperationException($"'{Key}' holds bytes: read {nameof(ValueBytes)}.");

        /// <summary>A copy of the bytes; of a text, its ASCII.</summary>
        public byte[] ValueBytes => bytes is null ? Encoding.ASCII.GetBytes(text!) : (byte[])bytes.Clone();

        /// <summary>Whether the key ends in <c>-bin</c>.</summary>
        public bool IsBinary => Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal);

        internal ReadOnlySpan<byte> RawBytes => bytes;

        /// <inheritdoc/>
        public override string ToString() =>
            bytes is null ? $"[Entry: key={Key}, value={text}]" : $"[Entry: key={Key}, {bytes.Length} bytes]";

        // What a peer sent is handed on as it is: refusing a stray character would lose the whole call.
        internal static Entry Received(string key, string value) => new(Lower(key), value, null);

        internal static Entry Received(string key, byte[] value) => new(Lower(key), null, value);

        internal bool HasKey(string key) => string.Equals(Key, key, StringComparison.OrdinalIgnoreCase);

        private static string CheckedKey(string key)
        {
            ArgumentException.ThrowIfNullOrEmpty(key);
            var lower = Lower(key);
            return lower.AsSpan().ContainsAnyExcept(KeyCharacters)
                ? throw new ArgumentException($"'{key}' is not a metadata key: use a-z 0-9 - _ and .", nameof(key))
                : lower;
        }

        private static string Lower(string key) =>
            key.AsSpan().ContainsAnyInRange('A', 'Z') ? key.ToLowerInvariant() : key;
    }
}
