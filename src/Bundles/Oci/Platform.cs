using System.Runtime.InteropServices;

namespace Appliance.Bundles.Oci;

/// <summary>What an image runs on, in the words of image configurations: <c>linux/amd64</c>, <c>linux/arm/v7</c>.</summary>
public sealed record Platform(string Os, string Architecture, string? Variant)
{
    /// <summary>That of this machine.</summary>
    public static Platform Host { get; } =
        new(
            "linux",
            RuntimeInformation.OSArchitecture switch
            {
                System.Runtime.InteropServices.Architecture.X64 => "amd64",
                System.Runtime.InteropServices.Architecture.X86 => "386",
                var other => other.ToString().ToLowerInvariant(),
            },
            null
        );

    /// <returns>Null when <paramref name="text"/> is no platform.</returns>
    public static Platform? TryParse(string text) =>
        text.Split('/') switch
        {
            ["linux", { Length: > 0 } architecture] => new("linux", architecture, null),
            ["linux", { Length: > 0 } architecture, { Length: > 0 } variant] => new("linux", architecture, variant),
            _ => null,
        };

    /// <summary>Whether something for that platform runs on this one; what is not said is not held against it.</summary>
    public bool Takes(string os, string architecture, string? variant) =>
        (os.Length == 0 || os == Os)
        && (architecture.Length == 0 || architecture == Architecture)
        && (Variant is null || variant is null or "" || variant == Variant);

    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}
