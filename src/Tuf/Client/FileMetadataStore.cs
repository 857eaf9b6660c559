namespace Appliance.Tuf;

/// <summary>Keeps each role's metadata in a folder, as <c>root.json</c>; the names of roles are percent-encoded.</summary>
/// <param name="folder">Is there already.</param>
public sealed class FileMetadataStore(string folder) : IMetadataStore
{
    public async Task<ReadOnlyMemory<byte>?> ReadAsync(string role, CancellationToken cancellationToken)
    {
        try
        {
            var file = FileOf(role);
            // What is larger was not written here.
            return new FileInfo(file).Length <= MetadataLimits.TargetsBytes
                ? await File.ReadAllBytesAsync(file, cancellationToken)
                : null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    public Task WriteAsync(string role, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        DurableFile.WriteAsync(FileOf(role), bytes, isPrivate: false, cancellationToken);

    private string FileOf(string role) => Path.Combine(folder, $"{Uri.EscapeDataString(role)}.json");
}
