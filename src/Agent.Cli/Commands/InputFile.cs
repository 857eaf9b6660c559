using Appliance.Bundles.Compose;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

/// <summary>Files that a command was given.</summary>
internal static class InputFile
{
    /// <exception cref="FileException">It cannot be read.</exception>
    public static Task<byte[]> ReadAsync(string path, int maxBytes, CancellationToken cancellationToken) =>
        Explained(path, () => RegularFile.ReadAsync(path, maxBytes, cancellationToken));

    /// <summary>Runs what reads a file; that it cannot be read is said of the file.</summary>
    /// <exception cref="FileException">It cannot be read.</exception>
    public static async Task<T> Explained<T>(string path, Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is IOException and not OutputException or UnauthorizedAccessException)
        {
            throw new FileException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
