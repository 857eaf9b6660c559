using System.Net;
using Grpc.Core;

namespace Grpc.Tests.Wire;

/// <summary>What is on the wire, judged with the platform's HTTP client.</summary>
public sealed class WireTests
{
    // Field 1, two bytes: the text "hi".
    private static readonly byte[] Hi = RawCall.Frame(0x0a, 2, (byte)'h', (byte)'i');

    [Fact]
    public async Task An_answer_is_headers_a_framed_message_and_trailers()
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await SendAsync(server, RawCall.Request("Once", Hi));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/grpc", response.Content.Headers.ContentType!.ToString());
        Assert.False(response.Headers.Contains("grpc-status"));
        Assert.Equal(Hi, await response.Content.ReadAsByteArrayAsync(EchoServer.Cancel));
        Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.False(response.TrailingHeaders.Contains("grpc-message"));
    }

    [Theory]
    [InlineData("application/json", false)]
    [InlineData("application/grpc-web", false)]
    [InlineData("application/grpcx", false)]
    [InlineData("application/grpc+proto", true)]
    [InlineData("application/grpc;charset=utf-8", true)]
    [InlineData("APPLICATION/GRPC", true)]
    public async Task Only_content_types_of_grpc_are_taken(string contentType, bool taken)
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await SendAsync(server, RawCall.Request("Once", Hi, contentType));
        Assert.Equal(taken ? HttpStatusCode.OK : HttpStatusCode.UnsupportedMediaType, response.StatusCode);
    }

    [Theory]
    [InlineData("echo.v1.Echoes", "Nothing")]
    [InlineData("no.Such", "Once")]
    public async Task An_unknown_method_is_answered_with_trailers_only(string service, string method)
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await SendAsync(server, RawCall.Request(method, Hi, service: service));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("12", response.Headers.GetValues("grpc-status").Single());
        Assert.Empty(response.TrailingHeaders);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(EchoServer.Cancel));
    }

    [Fact]
    public async Task Other_requests_of_that_shape_are_left_to_the_application()
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await server.RawClient().GetAsync("/some/page", EchoServer.Cancel);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Frames_and_data_frames_need_not_agree()
    {
        await using var server = await EchoServer.StartAsync();
        byte[] two = [.. Hi, .. Hi];
        // Every split of two messages into three DATA frames, and each byte alone.
        var splits = new List<byte[][]> { two.Select(b => new[] { b }).ToArray() };
        for (var at = 1; at < two.Length - 1; at += 2)
            splits.Add([two[..at], two[at..(at + 1)], two[(at + 1)..]]);
        foreach (var pieces in splits)
        {
            using var response = await SendAsync(server, RawCall.Request("Converse", new RawCall.Pieces(pieces)));
            Assert.Equal(two, await response.Content.ReadAsByteArrayAsync(EchoServer.Cancel));
            Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
        }
    }

    [Fact]
    public async Task A_message_without_bytes_is_a_message()
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await SendAsync(server, RawCall.Request("Once", RawCall.Frame()));
        Assert.Equal(RawCall.Frame(), await response.Content.ReadAsByteArrayAsync(EchoServer.Cancel));
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0 }, StatusCode.Internal)] // half a header
    [InlineData(new byte[] { 0, 0, 0, 0, 9, 1 }, StatusCode.Internal)] // half a message
    [InlineData(new byte[] { 2, 0, 0, 0, 0 }, StatusCode.Internal)] // an unknown flag
    [InlineData(new byte[] { 1, 0, 0, 0, 0 }, StatusCode.Internal)] // compressed with nothing agreed on
    [InlineData(new byte[] { 0, 0, 64, 0, 1 }, StatusCode.ResourceExhausted)] // 4 MiB and one byte
    [InlineData(new byte[] { 0, 255, 255, 255, 255 }, StatusCode.ResourceExhausted)]
    [InlineData(new byte[] { }, StatusCode.Unimplemented)] // no message
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, StatusCode.Unimplemented)] // two messages
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 0x0a, 9 }, StatusCode.Internal)] // not a protobuf message
    public async Task A_broken_request_is_answered_with_its_status(byte[] body, StatusCode expected)
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await SendAsync(server, RawCall.Request("Once", body));
        Assert.Equal(expected, StatusOf(response));
    }

    [Theory]
    [InlineData("1n", StatusCode.DeadlineExceeded)]
    [InlineData("0m", StatusCode.DeadlineExceeded)]
    [InlineData("99999999H", StatusCode.OK)]
    [InlineData("100000000m", StatusCode.Internal)]
    [InlineData("5", StatusCode.Internal)]
    [InlineData("m", StatusCode.Internal)]
    [InlineData("-1S", StatusCode.Internal)]
    [InlineData("1x", StatusCode.Internal)]
    [InlineData("1 S", StatusCode.Internal)]
    public async Task A_timeout_counts_and_a_malformed_one_is_refused(string timeout, StatusCode expected)
    {
        var behaviour = new Behaviour
        {
            Once = async (request, context) =>
            {
                if (context.Deadline != DateTime.MaxValue)
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
                return request;
            },
        };
        await using var server = await EchoServer.StartAsync(
            expected == StatusCode.DeadlineExceeded ? behaviour : new Behaviour()
        );
        var request = RawCall.Request("Once", Hi);
        request.Headers.TryAddWithoutValidation("grpc-timeout", timeout);
        using var response = await SendAsync(server, request);
        Assert.Equal(expected, StatusOf(response));
    }

    [Fact]
    public async Task An_encoding_that_is_not_there_is_refused_with_those_that_are()
    {
        await using var server = await EchoServer.StartAsync();
        var request = RawCall.Request("Once", Hi);
        request.Headers.TryAddWithoutValidation("grpc-encoding", "br");
        using var response = await SendAsync(server, request);
        Assert.Equal(StatusCode.Unimplemented, StatusOf(response));
        Assert.Contains(
            "identity",
            response.Headers.GetValues("grpc-accept-encoding").Single(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Binary_metadata_is_taken_padded_unpadded_and_joined_and_sent_unpadded()
    {
        Metadata? seen = null;
        var behaviour = new Behaviour
        {
            Once = (request, context) =>
            {
                seen = context.RequestHeaders;
                context.ResponseTrailers.Add("raw-bin", [1]);
                return Task.FromResult(request);
            },
        };
        await using var server = await EchoServer.StartAsync(behaviour);
        var request = RawCall.Request("Once", Hi);
        request.Headers.TryAddWithoutValidation("raw-bin", ["AQ==", "AQI", "AQID,BA", "!!"]);
        using var response = await SendAsync(server, request);
        await response.Content.ReadAsByteArrayAsync(EchoServer.Cancel);
        Assert.Equal(
            ["01", "0102", "010203", "04"],
            seen!.GetAll("raw-bin").Select(entry => Convert.ToHexString(entry.ValueBytes))
        );
        Assert.Equal("AQ", response.TrailingHeaders.GetValues("raw-bin").Single());
        Assert.DoesNotContain(seen!, entry => entry.Key is "te" or "content-type" or "host" or "grpc-timeout");
    }

    private static async Task<HttpResponseMessage> SendAsync(EchoServer server, HttpRequestMessage request)
    {
        using (request)
        {
            var response = await server.RawClient().SendAsync(request, EchoServer.Cancel);
            await response.Content.LoadIntoBufferAsync(EchoServer.Cancel);
            return response;
        }
    }

    private static StatusCode StatusOf(HttpResponseMessage response) =>
        (StatusCode)
            int.Parse(
                (
                    response.Headers.TryGetValues("grpc-status", out var values)
                        ? values
                        : response.TrailingHeaders.GetValues("grpc-status")
                ).Single()
            );
}
