namespace Appliance.Agent.Storage;

/// <summary>A change could not be made durable: nothing of it was kept. Whoever promises must refuse; others go on.</summary>
internal class StorageException(string message, Exception? inner) : Exception(message, inner);

/// <summary>The file system that holds the state folder is full.</summary>
internal sealed class StorageFullException(string path, Exception? inner)
    : StorageException($"no space left to write {path}", inner);

/// <summary>Another agent has the state folder open.</summary>
internal sealed class StorageInUseException(string path, Exception? inner)
    : StorageException($"{path} is in use by another agent", inner);
