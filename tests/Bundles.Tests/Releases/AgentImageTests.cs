using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;
using Appliance.Testing;

namespace Bundles.Tests.Releases;

public sealed class AgentImageTests : IDisposable
{
    private static readonly SemanticVersion Version = SemanticVersion.TryParse("1.4.0")!;
    private static readonly Platform Amd64 = Platform.TryParse("linux/amd64")!;

    private readonly ScratchFolder scratch = new();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task A_release_with_an_agent_gives_the_executable_back()
    {
        var program = Program(300_000);
        using var spool = new BlobSpool(scratch.Path);
        var content = await BuildAsync(spool);

        var agent = content.Document.Agent!;
        Assert.Equal(("appliance-agent:1.4.0", Version), (agent.Reference, agent.Version));
        Assert.Empty(content.ApplicationImages);
        var layer = Assert.Single(content.AgentImage!.Layers);
        // Smaller than it is, and a layer as others are.
        Assert.True(layer.IsGzip);
        Assert.InRange(layer.UnpackedSize, program.Length + 512, program.Length + 20_000);
        using var copy = new MemoryStream();
        await using var stored = await spool.OpenAsync(layer.Blob, stop);
        await AgentImage.CopyProgramAsync(stored, layer.IsGzip, agent.Program, copy, stop);
        Assert.Equal(program, copy.ToArray());
    }

    [Fact]
    public async Task The_same_executable_gives_the_same_release()
    {
        Program(100_000);
        using var one = new BlobSpool(scratch.Path);
        using var other = new BlobSpool(scratch.Path);
        Assert.Equal((await BuildAsync(one)).Descriptor, (await BuildAsync(other)).Descriptor);
    }

    [Fact]
    public async Task What_was_not_signed_for_is_no_executable()
    {
        Program(100_000);
        using var spool = new BlobSpool(scratch.Path);
        var content = await BuildAsync(spool);
        var (layer, program) = (content.AgentImage!.Layers[0], content.Document.Agent!.Program);
        await RefuseAsync(program with { Digest = "sha256:" + new string('0', 64) }, "was signed for");
        await RefuseAsync(
            program with
            {
                Size = program.Size - 1,
            },
            "does not begin with a file appliance-agent of 99999 bytes"
        );

        async Task RefuseAsync(Blob expected, string why)
        {
            await using var stored = await spool.OpenAsync(layer.Blob, stop);
            var refusal = await Assert.ThrowsAsync<InvalidDataException>(() =>
                AgentImage.CopyProgramAsync(stored, layer.IsGzip, expected, Stream.Null, stop)
            );
            Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_empty_file_is_no_agent()
    {
        Program(0);
        using var spool = new BlobSpool(scratch.Path);
        await Assert.ThrowsAsync<RefusedException>(() => BuildAsync(spool));
    }

    private byte[] Program(int size)
    {
        var bytes = new byte[size];
        new Random(4711).NextBytes(bytes.AsSpan(0, size / 3));
        File.WriteAllBytes(scratch["agent"], bytes);
        return bytes;
    }

    private async Task<ReleaseContent> BuildAsync(BlobSpool spool)
    {
        var agent = await AgentImage.AddAsync(scratch["agent"], Version, Amd64, spool, stop);
        var document = new ReleaseDocument("demo", Version, null, Allowances.None);
        var index = await ReleaseBuilder.BuildAsync(
            document,
            [new("compose.yaml", "name: demo\n"u8.ToArray())],
            [],
            new ImageLibrary(spool, Amd64),
            spool,
            stop,
            agent
        );
        var descriptor = new ReleaseDescriptor("demo", Version, index, DateTimeOffset.UnixEpoch);
        return await ReleaseContentReader.ReadAsync(descriptor, spool.OpenAsync, stop);
    }
}
