using Microsoft.Extensions.Options;

namespace Appliance.Agent.Storage;

/// <summary>
/// Room on the disk of the state that is taken while there is plenty, and given back when there is none: what happens then can
/// still be written down.
/// </summary>
internal sealed class ReserveFile(IOptions<StorageOptions> storage)
{
    private readonly string path = Path.Combine(storage.Value.DataDirectory, "reserve");

    /// <summary>0: there is none.</summary>
    public long Bytes => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    /// <exception cref="IOException">There is no room for it; nothing is left of it.</exception>
    public void Make(long bytes)
    {
        try
        {
            // Its blocks are its own before it has a length: a file with holes would keep nothing.
            using var file = File.OpenHandle(
                path,
                FileMode.Create,
                FileAccess.Write,
                FileShare.None,
                FileOptions.None,
                bytes
            );
            RandomAccess.SetLength(file, bytes);
        }
        catch (IOException)
        {
            GiveBack();
            throw;
        }
    }

    /// <returns>False: there was none, or it cannot be removed.</returns>
    public bool GiveBack()
    {
        try
        {
            if (!File.Exists(path))
                return false;
            File.Delete(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
