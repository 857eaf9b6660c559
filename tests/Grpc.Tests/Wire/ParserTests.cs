using System.Buffers;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Wire;

namespace Grpc.Tests.Wire;

/// <summary>The parsers of the wire's text and frames, with rows and with seeded noise.</summary>
public sealed class ParserTests
{
    [Theory]
    [InlineData("plain text ~", "plain text ~")]
    [InlineData("100%", "100%25")]
    [InlineData("ä\n€", "%C3%A4%0A%E2%82%AC")]
    [InlineData("😀", "%F0%9F%98%80")]
    [InlineData("", "")]
    public void A_message_is_percent_encoded_and_back(string text, string wire)
    {
        Assert.Equal(wire, PercentEncoding.Encode(text));
        Assert.Equal(text, PercentEncoding.Decode(wire));
    }

    [Theory]
    [InlineData("%", "%")]
    [InlineData("a%4", "a%4")]
    [InlineData("%zz%41", "%zzA")]
    [InlineData("%%41", "%A")]
    [InlineData("%c3%A4", "ä")]
    [InlineData("%ff", "\ufffd")]
    public void Broken_escapes_stay_as_they_are(string wire, string text) =>
        Assert.Equal(text, PercentEncoding.Decode(wire));

    [Theory]
    [InlineData(1, "1u")] // 100 ns round up
    [InlineData(10_000_000, "1000000u")]
    [InlineData(10_000_000_000, "1000000m")]
    [InlineData(10_000_001, "1000001u")]
    [InlineData(1_000_000_000_000_001, "99999999m", "100000001m")]
    public void A_timeout_takes_the_finest_unit_that_fits(long ticks, string expected, string? tooLong = null)
    {
        var text = GrpcTimeout.Format(TimeSpan.FromTicks(ticks));
        Assert.NotEqual(tooLong, text);
        if (tooLong is null)
            Assert.Equal(expected, text);
        Assert.True(GrpcTimeout.TryParse(text, out var back));
        Assert.True(back.Ticks >= ticks);
    }

    [Fact]
    public void Every_timeout_survives_rounded_up_by_less_than_one_part_in_a_hundred_thousand()
    {
        var random = new Random(3);
        for (var i = 0; i < 20_000; i++)
        {
            var timeout = TimeSpan.FromTicks((long)Math.Pow(10, random.NextDouble() * 18) + 1);
            var text = GrpcTimeout.Format(timeout);
            Assert.InRange(text.Length, 2, 9);
            Assert.True(GrpcTimeout.TryParse(text, out var back));
            Assert.InRange(back.Ticks, timeout.Ticks, timeout.Ticks + 10 + timeout.Ticks / 100_000);
        }
    }

    [Fact]
    public void Noise_breaks_no_text_parser()
    {
        var random = new Random(5);
        const string alphabet = "%0123456789abcdefABCDEF=,+/HSMmun \u00e4\ud83d!";
        for (var i = 0; i < 50_000; i++)
        {
            var noise = new string(random.GetItems<char>(alphabet, random.Next(14)));
            PercentEncoding.Decode(noise);
            Assert.True(!GrpcTimeout.TryParse(noise, out var timeout) || timeout >= TimeSpan.Zero);
            HeaderNames.ParseStatus(noise);
            BinaryHeader.AddReceived([], "noise-bin", noise);
            Assert.DoesNotContain('\n', PercentEncoding.Encode(noise));
        }

        for (var i = 0; i < 5_000; i++)
        {
            var text = new string(random.GetItems<char>(alphabet.AsSpan(0, 30), random.Next(14)));
            Assert.Equal(text, PercentEncoding.Decode(PercentEncoding.Encode(text)));
            var bytes = new byte[random.Next(20)];
            random.NextBytes(bytes);
            Assert.True(BinaryHeader.TryDecode(BinaryHeader.Encode(bytes), out var back));
            Assert.Equal(bytes, back);
        }
    }

    [Fact]
    public async Task Frames_are_read_the_same_however_the_bytes_are_cut()
    {
        var random = new Random(9);
        for (var round = 0; round < 300; round++)
        {
            var messages = Enumerable
                .Range(0, random.Next(6))
                .Select(_ => Bytes(random, 1 << random.Next(14)))
                .ToList();
            var stream = messages.SelectMany(message => RawCall.Frame(message)).ToArray();

            // The client's reader, from a stream that gives random amounts.
            var frames = new ResponseFrames(new DribblingStream(stream, random), 1 << 20);
            foreach (var message in messages)
                Assert.Equal(message, (await frames.ReadAsync(EchoServer.Cancel))!.Value.ToArray());
            Assert.Null(await frames.ReadAsync(EchoServer.Cancel));

            // The server's, from segments cut at random.
            var rest = Segments(stream, random);
            foreach (var message in messages)
            {
                Assert.True(Frame.TryRead(rest, 1 << 20, out var payload, out var next));
                Assert.Equal(message, payload.ToArray());
                rest = rest.Slice(next);
            }

            Assert.False(Frame.TryRead(rest, 1 << 20, out _, out _));
        }
    }

    [Fact]
    public async Task Noise_ends_frame_readers_only_with_a_status()
    {
        var random = new Random(13);
        for (var round = 0; round < 3_000; round++)
        {
            var noise = Bytes(random, random.Next(40));
            // Often a plausible header, so that the later checks are reached.
            for (var i = 0; i < Math.Min(4, noise.Length) && round % 2 == 0; i++)
                noise[i] = 0;
            var frames = new ResponseFrames(new DribblingStream(noise, random), 1000);
            try
            {
                while (await frames.ReadAsync(EchoServer.Cancel) is not null) { }
            }
            catch (RpcException e)
            {
                Assert.True(e.StatusCode is StatusCode.Internal or StatusCode.ResourceExhausted);
            }
        }
    }

    [Theory]
    [InlineData(400, StatusCode.Internal)]
    [InlineData(401, StatusCode.Unauthenticated)]
    [InlineData(403, StatusCode.PermissionDenied)]
    [InlineData(404, StatusCode.Unimplemented)]
    [InlineData(429, StatusCode.Unavailable)]
    [InlineData(431, StatusCode.Internal)]
    [InlineData(500, StatusCode.Unknown)]
    [InlineData(502, StatusCode.Unavailable)]
    [InlineData(503, StatusCode.Unavailable)]
    [InlineData(504, StatusCode.Unavailable)]
    public void An_http_status_stands_for_a_status(int http, StatusCode expected) =>
        Assert.Equal(expected, CallErrors.FromHttp((System.Net.HttpStatusCode)http));

    [Theory]
    [InlineData("0", StatusCode.OK)]
    [InlineData("16", StatusCode.Unauthenticated)]
    [InlineData("17", StatusCode.Unknown)]
    [InlineData("-1", StatusCode.Unknown)]
    [InlineData("OK", StatusCode.Unknown)]
    [InlineData("", StatusCode.Unknown)]
    public void A_status_that_is_no_status_is_unknown(string text, StatusCode expected) =>
        Assert.Equal(expected, HeaderNames.ParseStatus(text));

    private static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static ReadOnlySequence<byte> Segments(byte[] bytes, Random random)
    {
        var first = new Segment(default, 0);
        var last = first;
        for (var at = 0; at < bytes.Length; )
        {
            var length = Math.Min(random.Next(1, 9), bytes.Length - at);
            last = last.Append(bytes.AsMemory(at, length));
            at += length;
        }

        return new(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long index)
        {
            Memory = memory;
            RunningIndex = index;
        }

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }

    private sealed class DribblingStream(byte[] bytes, Random random) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, 2000))], cancellationToken);
    }
}
