using Appliance.Agent.Storage;
using Appliance.Bundles.Releases;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Agent.Content;

/// <summary>A blob while it is received: a file that nobody else knows, gone when it does not become whole.</summary>
internal sealed class IncomingBlob(ContentStore store, Blob blob, string path, SafeFileHandle file) : IBlobWriter
{
    // Large enough for the disk, and small enough that the last piece is no long wait.
    private const long Behind = 8 * 1024 * 1024;

    private long written;
    private long underWay;
    private bool completed;

    public Blob Blob => blob;

    /// <exception cref="ContentFullException">The disk is full.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        try
        {
            await RandomAccess.WriteAsync(file, bytes, written, cancellationToken);
            written += bytes.Length;
            if (written - underWay < Behind)
                return;
            WriteBehind.Start(file, underWay, written - underWay);
            underWay = written;
        }
        catch (IOException e) when (ContentFullException.IsReasonFor(e))
        {
            throw store.Full(blob.Size - written, e);
        }
    }

    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        if (written != blob.Size)
            throw new InvalidOperationException($"{blob.Digest} has {written} bytes and should have {blob.Size}");
        await store.SettleAsync(this, cancellationToken);
        completed = true;
    }

    public ValueTask DisposeAsync()
    {
        if (!completed)
            Discard();
        return ValueTask.CompletedTask;
    }

    /// <summary>On the disk first, then under its name.</summary>
    public void Settle(string destination)
    {
        try
        {
            RandomAccess.FlushToDisk(file);
            file.Dispose();
            Failpoint.Before(Failpoint.KeepBlob);
            File.Move(path, destination, overwrite: true);
            Failpoint.After(Failpoint.KeepBlob);
        }
        catch (IOException e)
        {
            Discard();
            if (ContentFullException.IsReasonFor(e))
                throw store.Full(blob.Size, e);
            throw;
        }
    }

    private void Discard()
    {
        file.Dispose();
        File.Delete(path);
    }
}
