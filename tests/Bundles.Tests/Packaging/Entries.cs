using System.Text;
using Appliance.Bundles.Packaging;

namespace Bundles.Tests.Packaging;

/// <summary>The entries of a bundle, to be put together wrongly.</summary>
internal static class Entries
{
    public sealed record Entry(string Name, byte[] Header, byte[] Content)
    {
        public static Entry Of(string name, byte[] content) =>
            new(name, TarHeader.Render(name, content.Length), content);
    }

    public static List<Entry> Of(byte[] bundle)
    {
        var entries = new List<Entry>();
        for (var at = 0; bundle[at] != 0; )
        {
            var header = bundle[at..(at + 512)];
            var size = (int)TarHeader.SizeIn(header)!.Value;
            entries.Add(new(TarHeader.NameIn(header), header, bundle[(at + 512)..(at + 512 + size)]));
            at += 512 + size + TarHeader.PaddingAfter(size);
        }
        return entries;
    }

    public static byte[] Join(IEnumerable<Entry> entries)
    {
        var bundle = new MemoryStream();
        foreach (var entry in entries)
        {
            bundle.Write(entry.Header);
            bundle.Write(entry.Content);
            bundle.Write(new byte[TarHeader.PaddingAfter(entry.Content.Length)]);
        }
        bundle.Write(new byte[1024]);
        return bundle.ToArray();
    }

    /// <summary>With a field of the header changed, and the sum made right again.</summary>
    public static Entry With(this Entry entry, int at, string field)
    {
        var header = entry.Header.ToArray();
        Encoding.ASCII.GetBytes(field, header.AsSpan(at));
        header.AsSpan(148, 8).Fill((byte)' ');
        var sum = header.Sum(b => b);
        Encoding.ASCII.GetBytes($"{Convert.ToString(sum, 8).PadLeft(6, '0')}\0 ", header.AsSpan(148));
        return entry with { Header = header };
    }
}
