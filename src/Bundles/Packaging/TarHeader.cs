using System.Buffers.Binary;
using System.Text;

namespace Appliance.Bundles.Packaging;

/// <summary>
/// The one header that an entry can have: it follows from name and size. Writing renders it, reading renders it again and
/// compares.
/// </summary>
internal static class TarHeader
{
    public const int Block = 512;

    private const int NameLength = 100;
    private const int PrefixLength = 155;
    private const long MaxOctal = 8L * 1024 * 1024 * 1024;

    public static byte[] Render(string name, long size) =>
        TryRender(name, size) ?? throw new ArgumentException($"{name} does not fit into a header", nameof(name));

    /// <returns>Null when no header can have the name.</returns>
    public static byte[]? TryRender(string name, long size)
    {
        if (Split(name) is not var (prefix, rest))
            return null;
        var header = new byte[Block];
        Encoding.ASCII.GetBytes(rest, header.AsSpan(0, NameLength));
        "0000644\0"u8.CopyTo(header.AsSpan(100));
        "0000000\0"u8.CopyTo(header.AsSpan(108));
        "0000000\0"u8.CopyTo(header.AsSpan(116));
        WriteSize(header.AsSpan(124, 12), size);
        "00000000000\0"u8.CopyTo(header.AsSpan(136));
        // The sum counts its own field as blanks.
        "        0"u8.CopyTo(header.AsSpan(148));
        "ustar\0"u8.CopyTo(header.AsSpan(257));
        "00"u8.CopyTo(header.AsSpan(263));
        "0000000\0"u8.CopyTo(header.AsSpan(329));
        "0000000\0"u8.CopyTo(header.AsSpan(337));
        Encoding.ASCII.GetBytes(prefix, header.AsSpan(345, PrefixLength));
        WriteSum(header);
        return header;
    }

    /// <summary>How many zeros follow an entry, so that the next one begins with a block.</summary>
    public static int PaddingAfter(long size) => (int)(-size & (Block - 1));

    /// <summary>What a header says its entry is called; any bytes will do.</summary>
    public static string NameIn(ReadOnlySpan<byte> header)
    {
        var (prefix, name) = (Text(header.Slice(345, PrefixLength)), Text(header[..NameLength]));
        return prefix.Length == 0 ? name : $"{prefix}/{name}";
    }

    /// <summary>What a header says its entry's size is; null if that is no number.</summary>
    public static long? SizeIn(ReadOnlySpan<byte> header)
    {
        var field = header.Slice(124, 12);
        if (field[0] == 0x80)
            return BinaryPrimitives.ReadInt64BigEndian(field[4..]) is >= 0 and var size ? size : null;

        long octal = 0;
        foreach (var digit in field[..11])
        {
            if (digit is < (byte)'0' or > (byte)'7')
                return null;
            octal = octal * 8 + (digit - '0');
        }
        return octal;
    }

    private static (string Prefix, string Name)? Split(string name)
    {
        if (!Ascii.IsValid(name))
            return null;
        if (name.Length <= NameLength)
            return ("", name);
        var slash = name.LastIndexOf('/');
        return slash is > 0 and <= PrefixLength && name.Length - slash - 1 <= NameLength
            ? (name[..slash], name[(slash + 1)..])
            : null;
    }

    private static void WriteSize(Span<byte> field, long size)
    {
        if (size < MaxOctal)
        {
            WriteOctal(field[..11], size);
            return;
        }
        field[0] = 0x80;
        BinaryPrimitives.WriteInt64BigEndian(field[4..], size);
    }

    private static void WriteSum(Span<byte> header)
    {
        var sum = 0;
        foreach (var b in header)
            sum += b;
        WriteOctal(header.Slice(148, 6), sum);
        header[154] = 0;
    }

    private static void WriteOctal(Span<byte> field, long value)
    {
        for (var i = field.Length - 1; i >= 0; i--, value >>= 3)
            field[i] = (byte)('0' + (value & 7));
    }

    private static string Text(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }
}
