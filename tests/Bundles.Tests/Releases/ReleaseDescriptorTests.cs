using System.Text;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Bundles.Tests.Releases;

public sealed class ReleaseDescriptorTests
{
    private const string Text =
        """{"index":{"digest":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","size":1234},"product":"demo","signed-at":"2026-11-20T12:00:00Z","version":"2.0.0-rc.1"}""";

    [Fact]
    public void It_is_written_as_the_format_says_and_read_back()
    {
        var descriptor = new ReleaseDescriptor(
            "demo",
            SemanticVersion.TryParse("2.0.0-rc.1")!,
            new("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 1234),
            new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero)
        );

        Assert.Equal(Text, Encoding.UTF8.GetString(descriptor.ToBytes()));
        Assert.Equal(descriptor, ReleaseDescriptor.Parse(descriptor.ToBytes()));
        Assert.Equal("demo/2.0.0-rc.1.json", descriptor.TargetPath);
    }

    [Theory]
    [InlineData("demo", "Demo")]
    [InlineData("demo", "../demo")]
    [InlineData("2.0.0-rc.1", "2.0")]
    [InlineData("2.0.0-rc.1", "2.0.0+build")]
    [InlineData("sha256:0", "sha256:O")]
    [InlineData("1234", "0")]
    [InlineData("1234", "-1")]
    [InlineData("1234", "1e3")]
    [InlineData("1234", "\"1234\"")]
    [InlineData("2026-11-20T12:00:00Z", "2026-11-20")]
    [InlineData("2026-11-20T12:00:00Z", "2026-13-20T12:00:00Z")]
    [InlineData(",\"product\"", ", \"product\"")]
    [InlineData(",\"product\"", ",\"more\":1,\"product\"")]
    [InlineData("\"product\"", "\"pr\\u006fduct\"")]
    [InlineData("\"product\":\"demo\",", "")]
    [InlineData("\"product\":\"demo\",", "\"product\":\"demo\",\"product\":\"demo\",")]
    [InlineData("}\"", "}")]
    public void Anything_else_is_refused(string good, string bad)
    {
        var bytes = Encoding.UTF8.GetBytes(
            Text.Contains(good, StringComparison.Ordinal)
                ? Text.Replace(good, bad, StringComparison.Ordinal)
                : Text + bad
        );

        Assert.Throws<RefusedException>(() => ReleaseDescriptor.Parse(bytes));
    }

    [Fact]
    public void Any_changed_byte_gives_another_descriptor_or_none()
    {
        var original = ReleaseDescriptor.Parse(Encoding.UTF8.GetBytes(Text));
        for (var at = 0; at < Text.Length; at++)
        {
            var bytes = Encoding.UTF8.GetBytes(Text);
            bytes[at] ^= 1;
            try
            {
                Assert.NotEqual(original, ReleaseDescriptor.Parse(bytes));
            }
            catch (RefusedException)
            {
                // As it should be.
            }
        }
    }

    [Fact]
    public void Something_huge_or_deep_is_refused()
    {
        Assert.Throws<RefusedException>(() => ReleaseDescriptor.Parse(new byte[ReleaseDescriptor.MaxBytes + 1]));
        Assert.Throws<RefusedException>(() => ReleaseDescriptor.Parse(Encoding.UTF8.GetBytes(new string('[', 2000))));
    }
}
