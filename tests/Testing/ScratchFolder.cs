namespace Appliance.Testing;

/// <summary>A folder of a test's own, gone with it; its path is short enough for unix sockets.</summary>
public sealed class ScratchFolder : IDisposable
{
    /// <summary>Makes it.</summary>
    public ScratchFolder() => Path = Directory.CreateTempSubdirectory("at-").FullName;

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>A path in it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
