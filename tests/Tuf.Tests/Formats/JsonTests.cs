using System.Text;
using Appliance.Tuf;
using static Tuf.Tests.Refusals;

namespace Tuf.Tests.Formats;

public sealed class JsonTests
{
    [Theory]
    [InlineData("""{ "b" : 1, "a" : [ true , null, -5 ] }""", """{"a":[true,null,-5],"b":1}""")]
    [InlineData("""{"a":"\u0041\/\u00e9"}""", """{"a":"A/é"}""")]
    [InlineData("""{"a":"\"\\"}""", """{"a":"\"\\"}""")]
    [InlineData("""{"aa":1,"a":2,"B":3,"":4}""", """{"":4,"B":3,"a":2,"aa":1}""")]
    [InlineData("""{"a":"x\ny"}""", "{\"a\":\"x\ny\"}")]
    public void What_is_signed_has_sorted_members_no_space_and_two_escapes(string text, string canonical) =>
        Assert.Equal(canonical, Encoding.UTF8.GetString(CanonicalJson.ToSign(Parse(text))));

    [Fact]
    public void Members_are_sorted_by_code_point_not_by_unit_of_utf_16() =>
        Assert.Equal(
            "{\"\uffee\":1,\"\U0001f600\":2}",
            Encoding.UTF8.GetString(CanonicalJson.ToSign(Parse("{\"\U0001f600\":2,\"\uffee\":1}")))
        );

    [Fact]
    public void What_is_stored_is_json_and_reads_back_to_the_same()
    {
        var value = Parse("""{"a":"\u0000\u001f\b\t\n\f\r\"\\\u007f"}""");

        var stored = CanonicalJson.ToStore(value);

        Assert.Equal("{\"a\":\"\\u0000\\u001f\\b\\t\\n\\f\\r\\\"\\\\\u007f\"}", Encoding.UTF8.GetString(stored));
        Assert.Equal(CanonicalJson.ToSign(value), CanonicalJson.ToSign(StrictJson.Parse("test", stored, 1000)));
    }

    [Theory]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("""{"a":1,"\u0061":2}""")]
    [InlineData("""{"a":1.0}""")]
    [InlineData("""{"a":1e2}""")]
    [InlineData("""{"a":-0}""")]
    [InlineData("""{"a":01}""")]
    [InlineData("""{"a":9223372036854775808}""")]
    [InlineData("""{"a":NaN}""")]
    [InlineData("""{"a":"\ud800"}""")]
    [InlineData("""{"\udc00":1}""")]
    [InlineData("""{"a":1,}""")]
    [InlineData("""{"a":1} {}""")]
    [InlineData("// no\n{}")]
    [InlineData("")]
    [InlineData("{\"a\":\"\n\"}")]
    public void Json_that_could_mean_two_things_is_refused(string text) =>
        Refuses(TufFault.Malformed, () => Parse(text));

    [Fact]
    public void Bad_utf_8_is_refused()
    {
        byte[][] bad =
        [
            [0xc0, 0x80],
            [0xff],
            [0xed, 0xa0, 0x80],
            [0xf4, 0x90, 0x80, 0x80],
            [0xe2, 0x82],
        ];
        foreach (var bytes in bad)
            Refuses(
                TufFault.Malformed,
                () => StrictJson.Parse("test", (byte[])[.. "{\"a\":\""u8, .. bytes, .. "\"}"u8], 100)
            );
        Refuses(TufFault.Malformed, () => StrictJson.Parse("test", (byte[])[0xef, 0xbb, 0xbf, (byte)'1'], 100));
    }

    [Fact]
    public void Depth_and_size_have_limits()
    {
        Parse(new string('[', 32) + new string(']', 32));
        Refuses(TufFault.Malformed, () => Parse(new string('[', 33) + new string(']', 33)));
        Refuses(TufFault.Malformed, () => StrictJson.Parse("test", "[1,2]"u8.ToArray(), 4));
    }

    private static System.Text.Json.JsonElement Parse(string text) =>
        StrictJson.Parse("test", Encoding.UTF8.GetBytes(text), 1000);
}
