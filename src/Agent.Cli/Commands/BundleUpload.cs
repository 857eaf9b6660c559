using Appliance.Bundles.Compose;
using Appliance.Cli.Output;
using Appliance.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Appliance.Cli.Commands;

/// <summary>Sends a bundle's file to the agent, which verifies it as it comes.</summary>
internal sealed class BundleUpload : IDisposable
{
    private const int ChunkBytes = 60 * 1024;

    // A file is read in larger pieces than a message may carry: each read is a trip to another thread.
    private const int ReadBytes = 16 * ChunkBytes;

    private readonly Session session;
    private readonly string path;
    private readonly FileStream file;
    private readonly long size;
    private readonly TransferProgress progress;

    /// <exception cref="FileException">There is no such file, it cannot be read, or it is none.</exception>
    public BundleUpload(Session session, string path)
    {
        this.session = session;
        this.path = path;
        file = Open(path);
        size = file.Length;
        progress = new(session, $"Sending {Path.GetFileName(path)}", size);
    }

    public void Dispose() => file.Dispose();

    /// <summary>Sends it all, or as much as the agent wants to have; its answer.</summary>
    /// <exception cref="FileException">The file cannot be read to its end.</exception>
    /// <exception cref="RpcException">The agent refused it, or went away.</exception>
    public async Task<StagedRelease> SendAsync(bool acceptExpired, CancellationToken cancellationToken)
    {
        using var call = session.Agent.Updates.StageBundle(new(cancellationToken: cancellationToken));
        try
        {
            var start = new BundleStart
            {
                FileName = Path.GetFileName(path),
                Size = size,
                AcceptExpired = acceptExpired,
            };
            await call.RequestStream.WriteAsync(new() { Start = start }, cancellationToken);
            // What follows is worth more in large writes than at once.
            call.RequestStream.WriteOptions = new WriteOptions(WriteFlags.BufferHint);
            await SendBytesAsync(call.RequestStream, cancellationToken);
            await call.RequestStream.CompleteAsync();
        }
        catch (InvalidOperationException) when (call.ResponseAsync.IsCompleted)
        {
            // It answered before the file's end, and the answer is what counts.
        }
        var answer = await call.ResponseAsync;
        session.Error.ErasePassing();
        return answer;
    }

    private async Task SendBytesAsync(
        IClientStreamWriter<StageBundleRequest> requests,
        CancellationToken cancellationToken
    )
    {
        var buffer = new byte[Math.Min(size, ReadBytes)];
        for (var sent = 0L; sent < size; )
        {
            var piece = buffer.AsMemory(0, (int)Math.Min(buffer.Length, size - sent));
            await ReadAsync(piece, sent, cancellationToken);
            while (piece.Length > 0)
            {
                var chunk = piece[..Math.Min(ChunkBytes, piece.Length)];
                // No copy: a write has ended only when the transport has the bytes.
                var message = new StageBundleRequest { Chunk = UnsafeByteOperations.UnsafeWrap(chunk) };
                await requests.WriteAsync(message, cancellationToken);
                piece = piece[chunk.Length..];
                sent += chunk.Length;
                progress.Report(sent);
            }
        }
    }

    private async Task ReadAsync(Memory<byte> piece, long sent, CancellationToken cancellationToken)
    {
        try
        {
            await file.ReadExactlyAsync(piece, cancellationToken);
        }
        catch (EndOfStreamException e)
        {
            throw new FileException($"{path} became shorter while it was sent, after {Sizes.Of(sent)}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FileException($"{path} cannot be read after {Sizes.Of(sent)}: {e.Message}", e);
        }
    }

    private static FileStream Open(string path)
    {
        // A folder can be opened, and says only when it is read what it is.
        if (Directory.Exists(path))
            throw new FileException($"{path} is a folder, and not a bundle");
        try
        {
            var opened = RegularFile.Open(path);
            if (opened.Length > 0)
                return opened;
            opened.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FileException($"{path} cannot be read: {e.Message}", e);
        }
        throw new FileException($"{path} is empty, or not a regular file");
    }
}
