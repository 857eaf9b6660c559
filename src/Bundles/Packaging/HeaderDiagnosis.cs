namespace Appliance.Bundles.Packaging;

/// <summary>Says in words what is wrong with a header that is not the one it must be.</summary>
internal static class HeaderDiagnosis
{
    private static readonly (string Field, int Start, int Length)[] s_fields =
    [
        ("name", 0, 100),
        ("mode", 100, 8),
        ("owner", 108, 8),
        ("group", 116, 8),
        ("size", 124, 12),
        ("time", 136, 12),
        ("checksum", 148, 8),
        ("type", 156, 1),
        ("link", 157, 100),
        ("magic", 257, 8),
        ("owner's name", 265, 32),
        ("group's name", 297, 32),
        ("device", 329, 16),
        ("prefix of the name", 345, 155),
        ("rest", 500, 12),
    ];

    /// <param name="received">The header as it came.</param>
    /// <param name="expected">What must be there, in words.</param>
    /// <param name="rendered">What must be there; null if the name or size alone rules it out.</param>
    public static string Of(ReadOnlySpan<byte> received, string expected, ReadOnlySpan<byte> rendered)
    {
        if (!received.ContainsAnyExcept((byte)0))
            return $"the archive ends, and {expected} is missing";
        if (!received.Slice(257, 5).SequenceEqual("ustar"u8))
            return $"what should be the header of {expected} is not the header of a tar";
        var name = TarHeader.NameIn(received);
        if (KindOf(received[156]) is { } kind)
            return $"\"{name}\" is {kind}, where {expected} must be";
        if (name.StartsWith('/') || name.Split('/').Contains(".."))
            return $"\"{name}\" leads out of the archive; {expected} must be here";
        return rendered.IsEmpty || TarHeader.NameIn(rendered) != name
            ? $"\"{name}\" stands where {expected} must be"
            : $"the {DifferingField(received, rendered)} in the header of \"{name}\" is not what it must be";
    }

    private static string? KindOf(byte type) =>
        type switch
        {
            (byte)'0' or 0 => null,
            (byte)'1' => "a hard link",
            (byte)'2' => "a symbolic link",
            (byte)'3' or (byte)'4' => "a device",
            (byte)'5' => "a folder",
            (byte)'6' => "a pipe",
            (byte)'x' or (byte)'g' or (byte)'L' or (byte)'K' => "an extension header",
            _ => "of an unknown kind",
        };

    private static string DifferingField(ReadOnlySpan<byte> received, ReadOnlySpan<byte> rendered)
    {
        foreach (var (field, start, length) in s_fields)
        {
            // The sum differs with whatever else does.
            if (field != "checksum" && !received.Slice(start, length).SequenceEqual(rendered.Slice(start, length)))
                return field;
        }
        return "checksum";
    }
}
